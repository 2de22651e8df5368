// One thread of load: keep-alive connections on one epoll, each with up to `pipeline` requests under way. In
// a closed loop the next request leaves when an answer has come. In an open loop each is due at a moment
// fixed beforehand, whatever the server does, and its time counts from then: a stall is felt by all that were
// due in it.
#pragma once
#include "tools/load/load_plan.hpp"
#include "tools/load/tally.hpp"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace synclog::tools::load {

// Of what falls into the measured time.
struct worker_figures {
  std::vector<tally> operations;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::uint64_t unsent = 0;     // were due, and never found a free connection, not even after the end
  std::uint64_t unfinished = 0; // were under way when the run was given up
  std::int64_t last_answer = 0; // when the last one counted came
  double cpu_seconds = 0;       // of the thread
  // Records acknowledged over the whole run, by branch: what followers of it must receive.
  std::vector<std::uint64_t> acknowledged;

  void merge(const worker_figures& other);
};

class load_worker {
 public:
  // `number` < plan.threads: it takes its share of connections and rate. The plan outlives the worker.
  load_worker(const load_plan& plan, std::size_t number);
  ~load_worker();
  load_worker(const load_worker&) = delete;
  load_worker& operator=(const load_worker&) = delete;

  // From clock.start until everything is answered behind clock.end, or clock.give_up. Throws
  // std::system_error when the system refuses an epoll.
  worker_figures run(const run_clock& clock);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::tools::load
