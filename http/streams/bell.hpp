// Wakes one waiting coroutine: rung from any thread when there may be something to do, or by the sweep when
// its time has come. A ring is never lost: one that comes while nobody waits ends the next wait at once.
#pragma once
#include "eventstore/reply_slot.hpp"
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace synclog::http::streams {

class bell;

// Rings bells whose time has come: one timer for thousands of waiters. Thread-safe; outlives its bells.
class bell_sweep {
 public:
  void ring_due(std::chrono::steady_clock::time_point now);
  void ring_all();
  std::size_t size() const;

 private:
  friend class bell;
  mutable std::mutex mutex_;
  std::unordered_set<bell*> bells_;
};

class bell {
 public:
  using clock = std::chrono::steady_clock;

  explicit bell(bell_sweep& sweep);
  ~bell(); // nobody waits any more
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;

  void ring(); // any thread
  // Returns after a ring, or some time after `until` (the sweep's interval). One waiter at a time; the caller
  // looks for work afterwards, whatever woke it.
  boost::asio::awaitable<void> wait_until(clock::time_point until);

 private:
  friend class bell_sweep;
  enum : std::uint8_t { idle, parked, rung };
  static constexpr clock::rep never = clock::time_point::max().time_since_epoch().count();

  bell_sweep& sweep_;
  std::atomic<std::uint8_t> state_{idle};
  std::atomic<clock::rep> due_{never};
  std::unique_ptr<eventstore::reply_slot<bool>> slot_; // whoever moves the state from parked to rung takes it
};

} // namespace synclog::http::streams
