// Listening addresses.
#include "http/listen.hpp"
#include "http/port_owner.hpp"
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <charconv>
#include <stdexcept>

namespace synclog::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// Every address that the host stands for; "" = all of this machine.
std::vector<tcp::endpoint> resolve(asio::io_context& context, const listen_address& address, error_code& ec) {
  std::vector<tcp::endpoint> out;
  if (address.host.empty()) {
    out.emplace_back(tcp::v4(), address.port);
    out.emplace_back(tcp::v6(), address.port);
    return out;
  }
  tcp::resolver resolver(context);
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::numeric_service, ec);
  for (const auto& entry : found) {
    const tcp::endpoint endpoint = entry.endpoint();
    if (std::find(out.begin(), out.end(), endpoint) == out.end()) out.push_back(endpoint);
  }
  return out;
}

std::string bind_error(const tcp::endpoint& endpoint, const error_code& ec) {
  const std::string where = url_of(endpoint).substr(7);
  if (ec == asio::error::address_in_use) {
    const std::string owner = describe_port_owner(endpoint.port());
    return where + " is in use by " + (owner.empty() ? "another program" : owner) +
           ": stop it, or choose another port with --listen";
  }
  if (ec == asio::error::access_denied) {
    return where + " needs more rights than this user has (ports below 1024 usually do): choose a higher "
                   "port with --listen";
  }
  if (ec.value() == EADDRNOTAVAIL) return where + " is not an address of this machine";
  return "cannot listen on " + where + ": " + ec.message();
}

// An address family that this machine does not have.
bool is_missing_family(const error_code& ec) {
  return ec.value() == EAFNOSUPPORT || ec.value() == EADDRNOTAVAIL;
}

tcp::acceptor open_listener(const asio::any_io_executor& executor, const tcp::endpoint& endpoint,
                            error_code& ec) {
  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  return acceptor;
}

} // namespace

core::result<listen_address> parse_listen_address(std::string_view text) {
  const auto bad = [&text] {
    return core::make_problem(core::problem_code::bad_request,
                              "'" + std::string(text) +
                                  "' is no address to listen on: expected host:port, [IPv6]:port or port");
  };
  listen_address out;
  std::string_view port = text;
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos) return bad();
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 2);
    if (out.host.find(':') == std::string::npos) return bad();
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (text.find(':', colon + 1) != std::string_view::npos) return bad();
    out.host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (out.host == "*") out.host.clear();
  if (!read_port(port, out.port)) return bad();
  return out;
}

std::string to_string(const listen_address& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string url_of(const tcp::endpoint& endpoint, scheme by) {
  const std::string address = endpoint.address().to_string();
  return (by == scheme::https ? "https://" : "http://") +
         (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

std::optional<std::string> refuse_open_listen(const std::vector<listen_address>& addresses, auth_mode auth) {
  if (auth != auth_mode::none) return std::nullopt;
  asio::io_context context;
  for (const listen_address& address : addresses) {
    bool loopback = is_loopback_host(address.host);
    if (!loopback && !address.host.empty()) {
      error_code ec;
      const auto found = resolve(context, address, ec);
      loopback =
          !ec && !found.empty() && std::all_of(found.begin(), found.end(), [](const tcp::endpoint& endpoint) {
            return is_loopback_host(endpoint.address().to_string());
          });
    }
    if (loopback) continue;
    return "--auth=none listens on loopback addresses only, and " + to_string(address) +
           " is none: anybody who reaches it could read and change everything. Use --listen 127.0.0.1:" +
           std::to_string(address.port) + ", or --auth=token";
  }
  return std::nullopt;
}

std::vector<tcp::acceptor> bind_listeners(asio::any_io_executor executor, const listen_address& address) {
  asio::io_context context;
  error_code ec;
  std::vector<tcp::endpoint> endpoints = resolve(context, address, ec);
  if (ec || endpoints.empty())
    throw std::runtime_error("cannot listen on " + to_string(address) + ": the host is not known");
  std::vector<tcp::acceptor> out;
  std::string first_error;
  for (tcp::endpoint endpoint : endpoints) {
    // All addresses of one host share one port, also when the system chose it.
    if (endpoint.port() == 0 && !out.empty()) endpoint.port(out.front().local_endpoint().port());
    error_code failed;
    tcp::acceptor acceptor = open_listener(executor, endpoint, failed);
    if (!failed) {
      out.push_back(std::move(acceptor));
      continue;
    }
    if (endpoints.size() > 1 && is_missing_family(failed)) {
      if (first_error.empty()) first_error = bind_error(endpoint, failed);
      continue;
    }
    throw std::runtime_error(bind_error(endpoint, failed));
  }
  if (out.empty()) throw std::runtime_error(first_error);
  return out;
}

} // namespace synclog::http
