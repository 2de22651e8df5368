// Attackers on connections: many that are opened and then silent, opened anew as soon as the server closes
// them. Each with a thread of its own until the object goes.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace synclog::tests::bench {

struct flood_options {
  std::uint16_t port = 0;
  std::size_t connections = 10'000;
  std::size_t sources = 20; // addresses 127.0.0.2 and on that they come from; 0: 127.0.0.1 alone
  std::size_t opened_a_second = 5'000;
};

class flood {
 public:
  explicit flood(flood_options options);
  ~flood();
  flood(const flood&) = delete;
  flood& operator=(const flood&) = delete;

  std::size_t open() const { return open_; }
  std::uint64_t opened() const { return opened_; } // over the whole time

 private:
  void run();

  const flood_options options_;
  std::atomic<bool> ending_{false};
  std::atomic<std::size_t> open_{0};
  std::atomic<std::uint64_t> opened_{0};
  std::thread thread_;
};

// A listener of loopback that takes connections and does nothing with them; of more than `most` it closes the
// oldest. A flood of it is what the attackers and the system cost, without a server.
class flood_sink {
 public:
  explicit flood_sink(std::size_t most); // throws std::runtime_error when the system gives no port
  ~flood_sink();
  flood_sink(const flood_sink&) = delete;
  flood_sink& operator=(const flood_sink&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void run();

  const std::size_t most_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

} // namespace synclog::tests::bench
