// When each event of a run was sent, by its number, and how long deliveries took: what publisher threads
// write and reader threads look up. Atomics: any thread.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace synclog::tests::bench {

class send_log {
 public:
  using clock = std::chrono::steady_clock;

  send_log() : sent_ns_(kept), acknowledged_ns_(kept) {}

  void note_sent(std::uint64_t number, clock::time_point at) {
    acknowledged_ns_[number % kept].store(not_yet, std::memory_order_relaxed);
    sent_ns_[number % kept].store(at.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void note_acknowledged(std::uint64_t number, clock::time_point at) {
    acknowledged_ns_[number % kept].store(at.time_since_epoch().count(), std::memory_order_relaxed);
  }
  std::int64_t sent_ns(std::uint64_t number) const {
    return sent_ns_[number % kept].load(std::memory_order_relaxed);
  }
  // Far in the future while the publisher has no answer.
  std::int64_t acknowledged_ns(std::uint64_t number) const {
    return acknowledged_ns_[number % kept].load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kept = 1u << 20; // the newest ones: more than any step sends
  static constexpr std::int64_t not_yet = INT64_MAX;
  std::vector<std::atomic<std::int64_t>> sent_ns_, acknowledged_ns_;
};

// Delays in steps of 50 µs up to half a second; what is longer counts as that. One thread.
class delay_histogram {
 public:
  void add(std::int64_t ns) {
    const auto bucket = ns <= 0 ? 0 : static_cast<std::size_t>(ns / step_ns);
    ++counts_[bucket < steps ? bucket : steps];
    ++total_;
  }
  void add(const delay_histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  std::uint64_t total() const { return total_; }
  double percentile_ms(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted || seen == total_) return static_cast<double>(i + 1) * step_ns / 1e6;
    }
    return 0;
  }

 private:
  static constexpr std::int64_t step_ns = 50'000;
  static constexpr std::size_t steps = 10'000;
  std::array<std::uint64_t, steps + 1> counts_{};
  std::uint64_t total_ = 0;
};

} // namespace synclog::tests::bench
