// See client_address.hpp.
#include "http/client_address.hpp"
#include <algorithm>
#include <stdexcept>

namespace synclog::http {

namespace ip = boost::asio::ip;
using boost::system::error_code;

namespace {

ip::address unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

bool holds(const ip::network_v6& network, const ip::address_v6& address) {
  const auto here = network.address().to_bytes(), there = address.to_bytes();
  for (int bit = 0; bit < network.prefix_length(); bit += 8) {
    const int left = std::min(network.prefix_length() - bit, 8);
    const auto mask = static_cast<unsigned char>(0xff << (8 - left));
    const auto index = static_cast<std::size_t>(bit / 8);
    if ((here[index] & mask) != (there[index] & mask)) return false;
  }
  return true;
}

bool holds(const ip::network_v4& network, const ip::address_v4& address) {
  const auto mask = network.netmask().to_uint();
  return (network.address().to_uint() & mask) == (address.to_uint() & mask);
}

// Proxies write addresses, some with a port: "192.0.2.7:4711", "[2001:db8::1]:4711".
ip::address forwarded_address(std::string_view text, error_code& ec) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') == std::string_view::npos ? 0 : text.find(']') - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  return ip::make_address(std::string(text), ec);
}

} // namespace

std::string key_of_address(const ip::address& address) {
  constexpr std::size_t household_bytes = 8;
  const auto plain = unmapped(address);
  std::string key;
  if (plain.is_v4()) {
    const auto bytes = plain.to_v4().to_bytes();
    key.assign("4").append(bytes.begin(), bytes.end());
  } else {
    const auto bytes = plain.to_v6().to_bytes();
    key.assign("6").append(bytes.begin(), bytes.begin() + household_bytes);
  }
  return key;
}

bool is_this_machine(const ip::address& address) {
  const auto plain = unmapped(address);
  return plain.is_v4() ? plain.to_v4() == ip::address_v4::loopback()
                       : plain.to_v6() == ip::address_v6::loopback();
}

trusted_proxies::trusted_proxies(const std::vector<std::string>& listed) {
  for (const auto& text : listed) {
    const bool is_network = text.find('/') != std::string::npos;
    error_code not_four, not_six;
    const auto four = ip::make_network_v4(is_network ? text : text + "/32", not_four);
    if (!not_four) {
      fours_.push_back(four);
      continue;
    }
    const auto six = ip::make_network_v6(is_network ? text : text + "/128", not_six);
    if (not_six)
      throw std::invalid_argument("--trusted-proxy: '" + text +
                                  "' is no address or network: expected 10.1.2.3, 10.0.0.0/8 or fd00::/8");
    sixes_.push_back(six);
  }
}

bool trusted_proxies::contains(const ip::address& address) const {
  const auto plain = unmapped(address);
  if (plain.is_v4())
    return std::any_of(fours_.begin(), fours_.end(),
                       [&plain](const auto& network) { return holds(network, plain.to_v4()); });
  return std::any_of(sixes_.begin(), sixes_.end(),
                     [&plain](const auto& network) { return holds(network, plain.to_v6()); });
}

std::string trusted_proxies::key_of_connection(const ip::address& peer) const {
  return is_this_machine(peer) || contains(peer) ? std::string() : key_of_address(peer);
}

std::string trusted_proxies::key_of_request(const ip::address& peer, const request& asked) const {
  if (!contains(peer)) return key_of_connection(peer);
  std::string chain;
  for (const auto& [name, value] : asked.headers)
    if (name == "x-forwarded-for") chain += (chain.empty() ? "" : ",") + value;
  std::string_view rest = chain;
  // Nobody else to hold to a bound: all those whom this proxy does not name share one.
  if (rest.find_first_not_of(" \t") == std::string_view::npos)
    return is_this_machine(peer) ? std::string() : key_of_address(peer);
  auto furthest = peer;
  while (!rest.empty()) {
    const auto comma = rest.rfind(',');
    const auto last = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
    error_code ec;
    const auto named = forwarded_address(last, ec);
    if (ec) return key_of_address(peer);
    if (!contains(named)) return key_of_address(named);
    furthest = named;
  }
  return key_of_address(furthest);
}

} // namespace synclog::http
