// Tells a stream that there may be something to do: rung from any thread, or by the sweep when its time has
// come. What happens then happens in the ringing thread (resting_stream).
#pragma once
#include "http/message.hpp"
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

namespace synclog::http::streams {

class bell;

// Rings bells whose time has come: one timer for thousands of them. Thread-safe; outlives its bells. In
// parts, so that ringing many, which may write to their clients, keeps nobody waiting who comes or goes.
class bell_sweep {
 public:
  void ring_due(std::chrono::steady_clock::time_point now);
  void ring_all();
  std::size_t size() const;

 private:
  friend class bell;
  static constexpr std::size_t part_count = 64;
  struct part {
    mutable std::mutex mutex;
    std::vector<bell*> bells;
  };
  std::array<part, part_count> parts_;
  std::atomic<std::uint32_t> next_part_{0};
};

class bell {
 public:
  using clock = std::chrono::steady_clock;

  // Both outlive it. Whoever holds what `stream` may take when it is woken must not destroy the bell.
  bell(bell_sweep& sweep, wakeable& stream);
  ~bell();
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;

  void ring() { stream_.wake(); } // any thread
  // When the sweep rings, at the latest its interval later.
  void set_due(clock::time_point when) {
    due_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  friend class bell_sweep;

  bell_sweep& sweep_;
  wakeable& stream_;
  std::atomic<clock::rep> due_{clock::time_point::max().time_since_epoch().count()};
  std::uint32_t part_, index_; // in the sweep
};

} // namespace synclog::http::streams
