// See stream_run.hpp.
#include "tools/load/stream_run.hpp"

#include <algorithm>
#include <numeric>
#include <thread>
#include <utility>

namespace synclog::tools::load {

namespace {

constexpr auto look = std::chrono::milliseconds(5); // while the last events are on their way

std::uint64_t expected_of(const worker_figures& counted, std::size_t subscribers,
                          followed_branches branches) {
  const auto& written = counted.acknowledged;
  if (branches == 0) return std::accumulate(written.begin(), written.end(), std::uint64_t{0}) * subscribers;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < subscribers; ++i)
    sum += written[i % branches];
  return sum;
}

// Until everything expected has come, or nobody can be waited for any longer.
double drain(const subscribers& all, std::uint64_t expected, std::chrono::nanoseconds patience,
             const std::stop_token& stop) {
  const auto began = now_ns();
  const auto behind = [&] { return all.received() < expected && all.lost() == 0; };
  while (behind() && now_ns() - began < patience.count() && !stop.stop_requested())
    std::this_thread::sleep_for(look);
  return static_cast<double>(now_ns() - began) / 1e9;
}

} // namespace

core::result<stream_figures> run_stream(const load_plan& writes, const subscription_plan& plan,
                                        followed_branches branches, const run_times& times,
                                        std::stop_token stop) {
  run_clock clock; // outlives the subscribers, which look at it
  subscribers all(plan);
  if (auto opened = all.open(stop); !opened) return opened.error();
  stream_figures made;
  made.open_seconds = all.open_seconds();
  const bool writing = !writes.operations.empty();
  set_times(clock, times, writes.timeout);
  all.watch(clock);
  {
    std::optional<load_threads> threads;
    if (writing) threads.emplace(writes, clock);
    made.writes.time = wait_through(clock, stop);
    if (threads) {
      made.writes.counted = threads->join();
      if (made.writes.time.seconds > 0)
        made.writes.busiest_thread = threads->busiest_cpu_seconds() / made.writes.time.seconds;
      made.expected = expected_of(made.writes.counted, plan.count, branches);
    }
  }
  if (made.expected) made.drain_seconds = drain(all, *made.expected, plan.timeout, stop);
  made.streams = all.close();
  if (made.writes.time.seconds > 0)
    made.writes.busiest_thread =
        std::max(made.writes.busiest_thread, made.streams.busiest / made.writes.time.seconds);
  return made;
}

} // namespace synclog::tools::load
