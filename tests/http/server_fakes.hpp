// A server with handlers of its own, no database: for tests of the connection layer. The handlers are reached
// by pattern.
#pragma once
#include "http/server.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/wait.hpp"
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace synclog::tests {

// Routes:
//   GET /tiny, /wait   {"ok":true}; the first is quick
//   POST /echo         the body back; GET /echo: what the request said
//   GET /hold          answers when release() is called
//   GET /throw         ?what=…: throws before or after the answer has begun
//   GET /stream        a stream until the server drains or the client is gone
//   GET /rest          a stream at rest that writes the numbers up to produce()'s
//   GET /flood         chunks of ?size= bytes without end
//   GET /chunks, /big  three chunks; one answer of ?bytes=
//   GET, PUT /api/{entity}/{id}   the id back
class test_server {
 public:
  struct settings {
    http::limits limits;
    http::server_options options;
    int threads = 3;
  };
  static settings quick_settings();
  static settings secure_settings(); // the same with TLS

  test_server() : test_server(quick_settings()) {}
  explicit test_server(settings with);
  ~test_server();

  std::uint16_t port() const { return port_; }
  http_client client() const { return http_client(port_); }
  http::server& server() { return *server_; }
  http::metrics& metrics() { return metrics_; }
  io_threads& io() { return threads_; }
  void release() { released_ = true; }
  // The streams of /rest have this to write now.
  void produce(int number);
  // Stops it and says how long that took.
  std::chrono::milliseconds stop(std::chrono::milliseconds grace);

  std::atomic<int> held{0};              // handlers inside /hold
  std::atomic<int> streaming{0};         // handlers inside /stream and /flood
  std::atomic<std::uint64_t> flooded{0}; // bytes that /flood has written
  std::atomic<int> handled{0};
  std::atomic<int> drained{0};         // streams that ended because the server drains
  std::atomic<int> steps{0}, works{0}; // of the streams of /rest
  std::atomic<int> looks{0};           // of /stream handlers at whether the client is gone
  std::function<void()>
      in_stream; // called by /stream on its strand before the first look; set before the request

 private:
  class counting_stream;
  boost::asio::awaitable<void> call(const http::route& target, const http::request& asked,
                                    http::responder& answer);
  boost::asio::awaitable<void> hold(http::responder& answer);
  boost::asio::awaitable<void> stream(http::responder& answer);
  boost::asio::awaitable<void> rest(http::responder& answer);
  boost::asio::awaitable<void> flood(const http::request& asked, http::responder& answer);
  boost::asio::awaitable<void> fail(const http::request& asked, http::responder& answer);

  http::metrics metrics_;
  io_threads threads_;
  std::unique_ptr<http::server> server_;
  std::uint16_t port_ = 0;
  std::atomic<bool> released_{false};
  std::atomic<int> produced_{0};
  std::mutex counting_mutex_;
  std::set<http::responder*> counting_; // of the streams of /rest
  bool stopped_ = false;
};

} // namespace synclog::tests
