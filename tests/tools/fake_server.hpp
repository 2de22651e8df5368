// An HTTP server for tests of clients that answers every request with the same bytes, or worse. A thread for
// each connection; any thread may ask for its counts.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace synclog::tests {

class fake_server {
 public:
  struct options {
    std::string answer;                          // to each request; "" = none ever
    bool closes = false;                         // after an answer, or instead of one
    bool resets = false;                         // closes by a reset
    std::function<void(std::uint64_t)> before{}; // called before the n-th answer, from 0, one at a time
  };
  explicit fake_server(options how);
  ~fake_server(); // closes all connections
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const;
  std::uint64_t requests() const { return requests_; }

 private:
  void accept_all();
  void serve(int connection);

  options options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> requests_{0};
  std::mutex mutex_, answering_; // mutex_: of what follows
  std::vector<int> connections_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

} // namespace synclog::tests
