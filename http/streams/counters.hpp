// What the streams count, for /metrics. Atomics: any thread.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace synclog::http::streams {

enum class stream_kind : std::uint8_t { sse, websocket, live_query };
inline constexpr std::size_t stream_kinds = 3;

enum class resume_result : std::uint8_t { from_now, resumed, other_history, beyond_head };
inline constexpr std::size_t resume_results = 4;

struct stream_counters {
  std::array<std::atomic<std::int64_t>, stream_kinds> open{};
  std::array<std::atomic<std::uint64_t>, stream_kinds> opened{};
  std::array<std::atomic<std::uint64_t>, resume_results> starts{};
  std::atomic<std::uint64_t> events_sent{0}, bytes_sent{0}, slow_closes{0}, catch_up_pages{0};
  std::atomic<std::int64_t> held_bytes{0}; // encoded for streams that are behind, until they take it

  // From the moment this server learnt of an event (its own commit, or the tail's read) to the end of the
  // write that carried it; one observation a write, for its oldest event.
  static constexpr std::array<double, 10> delay_bounds_s{0.001, 0.0025, 0.005, 0.01, 0.025,
                                                         0.05,  0.1,    0.25,  1.0,  5.0};
  std::array<std::atomic<std::uint64_t>, delay_bounds_s.size() + 1> delays{};
  std::atomic<std::uint64_t> delay_sum_us{0};

  void observe_delay(std::chrono::steady_clock::duration took) {
    const double seconds = std::chrono::duration<double>(took).count();
    std::size_t bucket = 0;
    while (bucket < delay_bounds_s.size() && seconds > delay_bounds_s[bucket])
      ++bucket;
    delays[bucket].fetch_add(1, std::memory_order_relaxed);
    delay_sum_us.fetch_add(static_cast<std::uint64_t>(seconds * 1e6), std::memory_order_relaxed);
  }
};

// One part of a sum, taken back on destruction.
class counted_bytes {
 public:
  explicit counted_bytes(std::atomic<std::int64_t>& sum) : sum_(sum) {}
  ~counted_bytes() { set(0); }
  counted_bytes(const counted_bytes&) = delete;
  counted_bytes& operator=(const counted_bytes&) = delete;
  void set(std::size_t bytes) {
    const auto now = static_cast<std::int64_t>(bytes);
    if (now != counted_) sum_.fetch_add(now - counted_, std::memory_order_relaxed);
    counted_ = now;
  }

 private:
  std::atomic<std::int64_t>& sum_;
  std::int64_t counted_ = 0;
};

// One open stream, counted as long as it lives.
class open_stream {
 public:
  open_stream(stream_counters& counters, stream_kind kind)
      : open_(counters.open[static_cast<std::size_t>(kind)]) {
    open_.fetch_add(1, std::memory_order_relaxed);
    counters.opened[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  }
  ~open_stream() { open_.fetch_sub(1, std::memory_order_relaxed); }
  open_stream(const open_stream&) = delete;
  open_stream& operator=(const open_stream&) = delete;

 private:
  std::atomic<std::int64_t>& open_;
};

} // namespace synclog::http::streams
