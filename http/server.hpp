// The HTTP server: listeners, the sessions they make, one sweep of deadlines for all of them, and an ordered
// end. start() and endpoints() belong to the owner's thread; stop() may be awaited from any executor.
// Sessions run on strands of the executor, or one a lane.
#pragma once
#include "http/listen.hpp"
#include "http/metrics.hpp"
#include "http/session_context.hpp"
#include "http/tls_identity.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace synclog::http {

struct server_options {
  std::vector<listen_address> listen;
  std::vector<std::string> cors_origins;
  std::vector<std::string> public_urls;
  auth_mode auth = auth_mode::none;
  authenticator authenticate;        // needed unless auth is none
  std::shared_ptr<tls_identity> tls; // every address speaks https; null: http
  // Addresses and networks whose X-Forwarded-For is believed (http/client_address.hpp).
  std::vector<std::string> trusted_proxies;
  // Executors that are each run by exactly one thread: sessions are spread over them and need no strand.
  // Empty = every session has a strand on the server's executor.
  std::vector<boost::asio::any_io_executor> lanes;
};

class server {
 public:
  // The product's server: all_routes() over these services. Throws std::invalid_argument for a bad option.
  server(boost::asio::any_io_executor executor, server_options options, const services& with,
         metrics& counters);
  // A server over any table; `call` runs the handlers.
  server(boost::asio::any_io_executor executor, server_options options, const limits& bounds,
         std::span<const route> table, dispatcher call, metrics& counters);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  // Binds and begins to accept. Throws std::runtime_error with a plain sentence; then nothing is bound.
  void start();
  // What was bound, with the ports that were chosen for port 0.
  std::vector<boost::asio::ip::tcp::endpoint> endpoints() const;

  // Stops accepting, tells streams (draining() turns true), closes idle connections at once and lets requests
  // finish until `until`; then cuts what is left and waits until every session has ended. The second call
  // waits for the first.
  boost::asio::awaitable<void> stop(std::chrono::steady_clock::time_point until);

  // Some callers have lost access: their streams end. Any thread.
  void access_changed();
  std::size_t open_sessions() const; // any thread
  // What the sweep does every now and then: sessions whose deadline lies before `now` end, or show why not.
  // Returns how many they were; each is looked at once until it has a deadline again. Any thread.
  std::size_t check_deadlines(std::chrono::steady_clock::time_point now);

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::http
