// Sends events to a server at a steady pace, several in one POST, over a few keep-alive connections; a POST
// waits for its answer, so that a server that cannot follow is asked for less and the rate that was reached
// says so. Blocking; its threads end with each call.
#pragma once
#include "bench/send_log.hpp"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace synclog::tests::bench {

struct publishing {
  std::uint16_t port = 0;
  // The bytes of the POST that carries events first, first + 1, … first + count - 1.
  std::function<std::string(std::uint64_t first, std::size_t count)> request;
  double events_per_s = 100;
  double seconds = 1;
  std::size_t batch = 10; // events in a POST
  int connections = 4;
  std::size_t answers = 1; // that such a POST brings: more when it is several requests, one behind the other
};

struct published {
  std::uint64_t first = 0, behind_last = 0; // the numbers that were sent
  double seconds = 0; // from the first to when the one behind the last would have been sent
  double reached = 0; // events a second
  double late_ms = 0; // the latest POST, behind its time
  double answered_ms_p50 = 0, answered_ms_p99 = 0;
};

// Numbers begin at `first`. Throws std::runtime_error when a POST is not answered with 2xx.
published publish(const publishing& how, std::uint64_t first, send_log& log);

} // namespace synclog::tests::bench
