// Lets a line that may come in thousands into the log every now and then. Any thread.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace synclog::http {

class seldom {
 public:
  using clock = std::chrono::steady_clock;
  explicit seldom(clock::duration interval) : interval_(interval) {}

  // Counts one occurrence. When it is time for a line: how many there were since the last one, this included.
  std::optional<std::uint64_t> note(clock::time_point now) {
    held_.fetch_add(1, std::memory_order_relaxed);
    auto next = next_.load(std::memory_order_relaxed);
    if (now.time_since_epoch().count() < next) return std::nullopt;
    const auto following = (now + interval_).time_since_epoch().count();
    if (!next_.compare_exchange_strong(next, following, std::memory_order_relaxed)) return std::nullopt;
    return held_.exchange(0, std::memory_order_relaxed);
  }

 private:
  const clock::duration interval_;
  std::atomic<clock::rep> next_{0};
  std::atomic<std::uint64_t> held_{0};
};

} // namespace synclog::http
