// See load_run.hpp.
#include "tools/load/load_run.hpp"

#include "tools/load/load_connection.hpp"
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace synclog::tools::load {

namespace {

constexpr std::int64_t until_start_ns = 20'000'000; // for threads to begin and connections to open
constexpr std::int64_t interrupted_patience_ns = 1'000'000'000;

double process_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// False when a stop was requested before.
bool sleep_until(std::int64_t when_ns, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any nothing;
  std::unique_lock guard(mutex);
  const std::chrono::steady_clock::time_point when{std::chrono::nanoseconds(when_ns)};
  nothing.wait_until(guard, stop, when, [] { return false; });
  return !stop.stop_requested();
}

} // namespace

void set_times(run_clock& clock, const run_times& times, std::chrono::nanoseconds patience) {
  clock.start = now_ns() + until_start_ns;
  clock.from = clock.start + times.warmup.count();
  clock.end = clock.from + times.duration.count();
  clock.give_up = clock.end + patience.count();
}

measured_time wait_through(run_clock& clock, std::stop_token stop) {
  measured_time made;
  double cpu = process_cpu_seconds();
  bool going_on = sleep_until(clock.from, stop);
  if (going_on) {
    cpu = process_cpu_seconds();
    going_on = sleep_until(clock.end, stop);
  }
  if (!going_on) {
    made.interrupted = true;
    clock.end = std::min(clock.end.load(), now_ns());
    clock.give_up = clock.end + interrupted_patience_ns;
  }
  made.cpu_seconds = process_cpu_seconds() - cpu;
  made.seconds = made.cpu_span_seconds = std::max(0.0, static_cast<double>(clock.end - clock.from) / 1e9);
  return made;
}

std::optional<failure> try_connect(const socket_address& address, std::chrono::nanoseconds timeout) {
  const int made = socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return failure::connect_other;
  int error = connect(made, address.get(), address.length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd wanted{made, POLLOUT, 0};
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    socklen_t size = sizeof error;
    if (poll(&wanted, 1, static_cast<int>(ms)) == 0)
      error = ETIMEDOUT;
    else
      getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  ::close(made);
  if (error == 0) return {};
  return error == ETIMEDOUT ? failure::connect_timeout : failure_of(error);
}

load_threads::load_threads(const load_plan& plan, const run_clock& clock)
    : figures_(plan.threads), failed_(plan.threads) {
  for (std::size_t number = 0; number < plan.threads; ++number) {
    threads_.emplace_back([this, &plan, &clock, number] {
      try {
        load_worker worker(plan, number);
        figures_[number] = worker.run(clock);
      } catch (...) {
        failed_[number] = std::current_exception();
      }
    });
  }
}

worker_figures load_threads::join() {
  for (auto& one : threads_)
    one.join();
  threads_.clear();
  worker_figures sum;
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    if (failed_[i]) std::rethrow_exception(failed_[i]);
    busiest_ = std::max(busiest_, figures_[i].cpu_seconds);
    sum.merge(figures_[i]);
  }
  return sum;
}

tally load_figures::total() const {
  tally sum;
  for (const auto& one : counted.operations)
    sum.merge(one);
  return sum;
}

load_figures run_load(const load_plan& plan, const run_times& times, std::stop_token stop) {
  load_figures made;
  made.unreachable = try_connect(plan.address, plan.timeout);
  if (made.unreachable) {
    made.counted.operations.resize(plan.operations.size());
    made.counted.operations.front().add_failure(*made.unreachable);
    made.counted.operations.front().note_error(fmt::format("connecting: {}", to_string(*made.unreachable)));
    return made;
  }
  run_clock clock;
  set_times(clock, times, plan.timeout);
  load_threads threads(plan, clock);
  made.time = wait_through(clock, stop);
  {
    const std::stop_callback hurry(stop, [&clock] {
      clock.give_up = std::min(clock.give_up.load(), now_ns() + interrupted_patience_ns);
    });
    made.counted = threads.join();
  }
  if (made.time.seconds > 0) made.busiest_thread = threads.busiest_cpu_seconds() / made.time.seconds;
  if (plan.is_open_loop() && made.counted.last_answer > clock.end)
    made.time.seconds = static_cast<double>(made.counted.last_answer - clock.from) / 1e9;
  return made;
}

} // namespace synclog::tools::load
