// See target_url.hpp.
#include "tools/load/target_url.hpp"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>

namespace synclog::tools::load {

namespace {

constexpr std::string_view scheme = "http://";
constexpr std::uint16_t http_port = 80;

core::problem refuse(std::string_view text, std::string_view why) {
  return core::make_problem(core::problem_code::bad_request,
                            fmt::format("'{}' {}; right is http://127.0.0.1:8080", text, why));
}

bool is_plain(std::string_view text) {
  for (const char c : text)
    if (c <= ' ' || c == 0x7f) return false;
  return true;
}

} // namespace

std::string target_url::authority() const {
  const bool six = host.find(':') != std::string::npos;
  const auto name = six ? "[" + host + "]" : host;
  return port == http_port ? name : fmt::format("{}:{}", name, port);
}

core::result<target_url> parse_url(std::string_view text) {
  if (text.starts_with("https://"))
    return refuse(text, "is encrypted, which bench does not speak: name the server behind the proxy");
  if (!text.starts_with(scheme)) return refuse(text, "does not begin with http://");
  if (!is_plain(text)) return refuse(text, "holds blanks or control characters");
  auto rest = text.substr(scheme.size());
  if (rest.find_first_of("?#") != std::string_view::npos)
    return refuse(text, "has a query: that belongs into --path");
  target_url made;
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) {
    made.prefix = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  while (made.prefix.ends_with('/'))
    made.prefix.pop_back();
  if (rest.find('@') != std::string_view::npos)
    return refuse(text, "holds a user: give --header 'Authorization: …' instead");
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return refuse(text, "has no ] behind its address");
    made.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return refuse(text, "has words behind its ]");
  } else {
    const auto colon = rest.find(':');
    made.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
  }
  if (made.host.empty()) return refuse(text, "names no host");
  if (!port.empty()) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65'535)
      return refuse(text, "has no port between 1 and 65535 behind its colon");
    made.port = static_cast<std::uint16_t>(number);
  }
  return made;
}

bool socket_address::is_loopback() const {
  constexpr std::uint32_t net = 127;
  if (bytes.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(bytes).sin_addr.s_addr) >> 24 == net;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(bytes).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == net);
}

std::string socket_address::text() const {
  std::array<char, NI_MAXHOST> out{};
  if (getnameinfo(get(), length, out.data(), out.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return out.data();
}

core::result<socket_address> resolve(const target_url& url) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &wanted, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  if (failed != 0 || found == nullptr)
    return core::make_problem(core::problem_code::not_found,
                              fmt::format("host '{}': {}", url.host, gai_strerror(failed)));
  // A name may have addresses of both families (localhost: ::1 and 127.0.0.1): servers listen on IPv4 first.
  const addrinfo* chosen = found;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET) {
      chosen = one;
      break;
    }
  }
  socket_address made;
  std::memcpy(&made.bytes, chosen->ai_addr, chosen->ai_addrlen);
  made.length = chosen->ai_addrlen;
  return made;
}

} // namespace synclog::tools::load
