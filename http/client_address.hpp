// Who a client is by its address: what connections, and requests without a token, are counted under; and
// which proxies are believed when they name the client behind them. Immutable after construction; any thread.
#pragma once
#include "core/problem.hpp"
#include "http/message.hpp"
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

// The address itself, or the /64 of an IPv6 one, which one household has; mapped IPv4 is IPv4.
std::string key_of_address(const boost::asio::ip::address& address);
// 127.0.0.1 and ::1: any program of this machine, a proxy among them.
bool is_this_machine(const boost::asio::ip::address& address);

class trusted_proxies {
 public:
  trusted_proxies() = default;
  // Addresses and networks: "10.1.2.3", "10.0.0.0/8", "fd00::/8". Throws std::invalid_argument naming a bad
  // one.
  explicit trusted_proxies(const std::vector<std::string>& listed);

  bool contains(const boost::asio::ip::address& address) const;

  // What a connection from `peer` is counted under; "" = it has no bound of its own: a proxy's stands for
  // many clients.
  std::string key_of_connection(const boost::asio::ip::address& peer) const;
  // What a request over it is counted under while it shows no token. Of a trusted proxy's X-Forwarded-For the
  // last address that is no trusted proxy is the client: what stands before it anybody may have written. What
  // names none that can be read is counted under the proxy; "" = it has no bound of its own: a program of
  // this machine that forwards nothing.
  std::string key_of_request(const boost::asio::ip::address& peer, const request& asked) const;

 private:
  std::vector<boost::asio::ip::network_v4> fours_;
  std::vector<boost::asio::ip::network_v6> sixes_;
};

} // namespace synclog::http
