// A whole run: threads of load, the clock that they share, and what the generator itself used. The caller's
// thread waits through it.
#pragma once
#include "tools/load/load_plan.hpp"
#include "tools/load/load_worker.hpp"
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace synclog::tools::load {

struct run_times {
  std::chrono::nanoseconds warmup = std::chrono::seconds(1);
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
};

// What was used between the edges of the measured time.
struct measured_time {
  double seconds = 0;     // what rates are of: an open loop's end with the last answer counted
  double cpu_seconds = 0; // of the whole process, over cpu_span_seconds
  double cpu_span_seconds = 0;
  bool interrupted = false;
};

// Starts in a moment; what is under way at the end is waited for during `patience`.
void set_times(run_clock& clock, const run_times& times, std::chrono::nanoseconds patience);
// Returns at the clock's end, or when a stop is requested: that is then the end, and answers are waited for
// during one second only.
measured_time wait_through(run_clock& clock, std::stop_token stop);

// Empty when somebody accepts connections there within `timeout`, else why not.
std::optional<failure> try_connect(const socket_address& address, std::chrono::nanoseconds timeout);

// plan.threads workers, joined by join() or the destructor. Plan and clock outlive it.
class load_threads {
 public:
  load_threads(const load_plan& plan, const run_clock& clock);
  // What all workers counted. Rethrows what a worker threw.
  worker_figures join();
  double busiest_cpu_seconds() const { return busiest_; } // of one thread, after join()

 private:
  std::vector<worker_figures> figures_;
  std::vector<std::exception_ptr> failed_;
  double busiest_ = 0;
  std::vector<std::jthread> threads_;
};

struct load_figures {
  worker_figures counted;
  measured_time time;
  double busiest_thread = 0; // share of the time that the busiest thread ran: near 1 it is what was measured
  std::optional<failure> unreachable; // nothing was sent

  // What was answered as wanted, a second.
  double rate() const {
    return time.seconds > 0 ? static_cast<double>(total().succeeded()) / time.seconds : 0;
  }
  tally total() const;
};

load_figures run_load(const load_plan& plan, const run_times& times, std::stop_token stop);

} // namespace synclog::tools::load
