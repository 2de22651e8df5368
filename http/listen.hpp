// Where the server listens: reading --listen, the rule about loopback, and binding with errors that a person
// can act on.
#pragma once
#include "core/problem.hpp"
#include "http/request_guard.hpp"
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

struct listen_address {
  std::string host;       // a name or an address without brackets; "" = every address
  std::uint16_t port = 0; // 0 = any free one
};

// "127.0.0.1:8080", "localhost:8080", "[::1]:0", ":8080", "8080". bad_request otherwise.
core::result<listen_address> parse_listen_address(std::string_view text);
std::string to_string(const listen_address& address);

// With auth none only loopback may be listened on: otherwise a sentence that names the fix. Names are
// resolved. Blocking.
std::optional<std::string> refuse_open_listen(const std::vector<listen_address>& addresses, auth_mode auth);

// Opens, binds and listens on every address of the host. Throws std::runtime_error with a plain sentence: who
// has the port, what permission is missing, which name does not resolve. Blocking.
std::vector<boost::asio::ip::tcp::acceptor> bind_listeners(boost::asio::any_io_executor executor,
                                                           const listen_address& address);

// "http://127.0.0.1:8080"
std::string url_of(const boost::asio::ip::tcp::endpoint& endpoint, scheme by = scheme::http);

} // namespace synclog::http
