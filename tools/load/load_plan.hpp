// What a run of load consists of, and its clock: what the command line decided, shared read-only by all
// threads but for the end, which an interruption brings forward.
#pragma once
#include "tools/load/request_maker.hpp"
#include "tools/load/target_url.hpp"
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tools::load {

struct load_plan {
  socket_address address;
  std::vector<operation> operations;
  std::vector<std::string> branches;
  std::vector<std::string> ids;
  std::size_t connections = 64;
  std::size_t threads = 1;  // at most one a connection
  std::size_t pipeline = 1; // requests under way on a connection
  double rate = 0;          // requests a second, of all connections together; 0 = a closed loop
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);
  std::uint64_t seed = 1;

  bool is_open_loop() const { return rate > 0; }
};

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// In nanoseconds of the steady clock: [start, from) warms up, [from, end] is measured.
struct run_clock {
  std::int64_t start = 0;
  std::int64_t from = 0;
  std::atomic<std::int64_t> end{0};
  std::atomic<std::int64_t> give_up{0}; // what is not answered by then is not waited for
};

} // namespace synclog::tools::load
