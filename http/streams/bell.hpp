// Tells a stream that there may be something to do: rung from any thread, or by the sweep when its time has
// come. Wakes the coroutine that waits, or the stream at rest. A ring is never lost: one that comes while
// nobody waits ends the next wait at once.
#pragma once
#include "eventstore/reply_slot.hpp"
#include "http/message.hpp"
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
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

  explicit bell(bell_sweep& sweep);
  // Of a stream that may rest: ringing wakes `stream`, whoever rings. It outlives the bell.
  bell(bell_sweep& sweep, responder& stream);
  ~bell(); // nobody waits any more
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;

  void ring(); // any thread
  // Returns after a ring, or some time after `until` (the sweep's interval). One waiter at a time; the caller
  // looks for work afterwards, whatever woke it. Not for a stream that rests.
  boost::asio::awaitable<void> wait_until(clock::time_point until);
  // Of a stream that rests: when the sweep rings.
  void set_due(clock::time_point when) {
    due_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  friend class bell_sweep;
  enum : std::uint8_t { idle, parked, rung };
  bell(bell_sweep& sweep, responder* rests);

  static constexpr clock::rep never = clock::time_point::max().time_since_epoch().count();

  bell_sweep& sweep_;
  responder* const rests_;
  std::atomic<clock::rep> due_{never};
  std::unique_ptr<eventstore::reply_slot<bool>> slot_; // whoever moves the state from parked to rung takes it
  std::uint32_t part_, index_;                         // in the sweep
  std::atomic<std::uint8_t> state_{idle};
};

} // namespace synclog::http::streams
