// Two servers over one database, each killed and started again as a test wants. The thread that makes the
// object also kills and starts; any thread may ask for ports.
#pragma once
#include "tests/support/server_fixture.hpp"
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace synclog::tests::streams {

class server_pair {
 public:
  // The second starts after the first listens.
  server_pair() {
    for (std::size_t index = 0; index < servers_.size(); ++index) {
      server_options options;
      if (index > 0) options.database = servers_[0]->database();
      servers_[index] = std::make_unique<server_fixture>(options);
      ports_[index] = servers_[index]->port();
    }
  }

  static constexpr std::size_t size = 2;
  server_fixture& operator[](std::size_t index) { return *servers_[index]; }
  // 0 while it does not run.
  std::uint16_t port(std::size_t index) const { return ports_[index]; }

  void kill9(std::size_t index) {
    servers_[index]->kill9(); // the port stays known for a moment, as to any client
    ports_[index] = 0;
  }
  int stop(std::size_t index) {
    const int code = servers_[index]->stop();
    ports_[index] = 0;
    return code;
  }
  void start(std::size_t index) {
    servers_[index]->start();
    ports_[index] = servers_[index]->port();
  }

 private:
  std::array<std::unique_ptr<server_fixture>, size> servers_;
  std::array<std::atomic<std::uint16_t>, size> ports_{};
};

} // namespace synclog::tests::streams
