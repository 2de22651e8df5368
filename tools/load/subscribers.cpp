// See subscribers.hpp.
#include "tools/load/subscribers.hpp"

#include "tools/load/subscriber_thread.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <thread>
#include <utility>

namespace synclog::tools::load {

namespace {

constexpr auto look = std::chrono::milliseconds(2); // while subscribers are opened

} // namespace

void subscriber_figures::merge(const subscriber_figures& other) {
  delivered += other.delivered;
  event_bytes += other.event_bytes;
  received += other.received;
  gaps += other.gaps;
  repeated += other.repeated;
  unchecked += other.unchecked;
  lost += other.lost;
  delay.merge(other.delay);
  cpu_seconds += other.cpu_seconds;
  busiest = std::max(busiest, other.busiest);
  if (first_error.empty()) first_error = other.first_error;
}

struct subscribers::impl {
  explicit impl(subscription_plan given) : plan(std::move(given)) {}

  subscription_plan plan;
  std::vector<std::unique_ptr<subscriber_thread>> parts;
  std::vector<std::jthread> threads; // ended before their parts
  double open_seconds = 0;

  template <class Figure>
  std::uint64_t sum(Figure figure) const {
    std::uint64_t made = 0;
    for (const auto& part : parts)
      made += figure(*part);
    return made;
  }
};

subscribers::subscribers(subscription_plan plan) : impl_(std::make_unique<impl>(std::move(plan))) {}
subscribers::~subscribers() = default;

core::result<void> subscribers::open(std::stop_token stop) {
  auto& state = *impl_;
  for (std::size_t i = 0; i < state.plan.threads; ++i)
    state.parts.push_back(std::make_unique<subscriber_thread>(state.plan, i));
  for (const auto& part : state.parts)
    state.threads.emplace_back([&one = *part](std::stop_token ended) { one.run(std::move(ended)); });
  const auto began = now_ns();
  auto progress = began;
  std::uint64_t before = 0;
  for (;;) {
    const auto ready = state.sum([](const auto& part) { return part.ready(); });
    const auto now = now_ns();
    state.open_seconds = static_cast<double>(now - began) / 1e9;
    if (ready == state.plan.count) return {};
    if (ready > before) progress = now;
    before = ready;
    const bool refused = state.sum([](const auto& part) { return part.refused() ? 1U : 0U; }) > 0;
    const bool stuck = now - progress > state.plan.timeout.count();
    if (!refused && !stuck && !stop.stop_requested()) {
      std::this_thread::sleep_for(look);
      continue;
    }
    const auto why = refused ? close().first_error : stuck ? "no further one in time" : "interrupted";
    return core::make_problem(
        core::problem_code::database_unavailable,
        fmt::format("{} of {} subscribers were opened, then: {}", ready, state.plan.count, why));
  }
}

double subscribers::open_seconds() const {
  return impl_->open_seconds;
}

void subscribers::watch(const run_clock& clock) {
  for (const auto& part : impl_->parts)
    part->watch(clock);
}

std::uint64_t subscribers::received() const {
  return impl_->sum([](const auto& part) { return part.received(); });
}

std::uint64_t subscribers::lost() const {
  return impl_->sum([](const auto& part) { return part.lost(); });
}

subscriber_figures subscribers::close() {
  impl_->threads.clear(); // asks each to stop, and joins it
  subscriber_figures all;
  for (const auto& part : impl_->parts)
    all.merge(part->figures());
  return all;
}

} // namespace synclog::tools::load
