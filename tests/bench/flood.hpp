// Attackers on connections: many that are opened and then silent, opened anew as soon as the server closes
// them. A thread of its own until the object goes.
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

} // namespace synclog::tests::bench
