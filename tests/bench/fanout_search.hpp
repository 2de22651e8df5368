// How many deliveries a second a live server makes while nearly all of them are quick: events are published
// at one rate after the other, until they come too late or not at all. One thread.
#pragma once
#include "bench/live_servers.hpp"
#include "bench/rate_search.hpp"
#include "bench/send_log.hpp"
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::bench {

// What other processes may use before figures mean little.
inline constexpr double quiet_cores = 0.15;

struct fanout_options {
  std::size_t subscribers = 1'000;
  branch_count branches = 0;
  std::size_t batch = 10; // events in a POST
  int publishers = 4;     // connections
  double step_seconds = 2;
  // From sending the POST to having read the event: a server that answers its publisher after it has
  // delivered would have no delay at all from the answer.
  double p99_bound_ms = 15;
  double first_rate = 200; // events a second
  double patience_seconds =
      0; // for the whole of it: steps wait for a quiet machine, and disturbed ones are repeated
  bool verbose = false;
};

// Of one step, at one rate.
struct fanout_step {
  double rate = 0, reached = 0;                    // events a second: wanted, and published
  double delivered = 0;                            // a second
  double p50_ms = 0, p99_ms = 0;                   // from the publisher's answer
  double sent_p50_ms = 0, sent_p99_ms = 0;         // from its sending
  double answered_p50_ms = 0, answered_p99_ms = 0; // of the POSTs
  double event_bytes = 0;
  double generator_cores = 0, serving_cores = 0, database_cores = 0, others_cores = 0;
  bool good = false; // p99 within the bound at the rate that was wanted
};

class fanout_measurement {
 public:
  // Opens the subscribers, which live as long as this. `next_number` goes on over all measurements of a
  // program, so that no event is taken for another.
  fanout_measurement(const live_server& server, fanout_options options, std::uint64_t& next_number);
  ~fanout_measurement();
  fanout_measurement(const fanout_measurement&) = delete;
  fanout_measurement& operator=(const fanout_measurement&) = delete;

  // One rate; a step that was disturbed is repeated as long as there is patience. Throws std::runtime_error
  // when a subscriber is lost, or an event for one of them.
  fanout_step step(double events_per_s);
  // The best step, of the rates that rate_search names.
  fanout_step search();

 private:
  fanout_step try_step(double events_per_s);
  fanout_step step_or_again(double events_per_s);
  rate_search::verdict verdict_of(const fanout_step& made) const;
  void wait_for_quiet();
  void wait_for_all();

  const live_server& server_;
  fanout_options options_;
  std::uint64_t& next_number_;
  double patience_left_;
  send_log sent_;
  subscribers subscribers_;
  std::vector<received> expected_; // by branch
};

} // namespace synclog::tests::bench
