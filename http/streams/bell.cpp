// See bell.hpp.
#include "http/streams/bell.hpp"

namespace synclog::http::streams {

namespace asio = boost::asio;

void bell_sweep::ring_due(bell::clock::time_point now) {
  const std::lock_guard guard(mutex_);
  for (bell* one : bells_)
    if (one->due_.load(std::memory_order_relaxed) <= now.time_since_epoch().count()) one->ring();
}

void bell_sweep::ring_all() {
  const std::lock_guard guard(mutex_);
  for (bell* one : bells_)
    one->ring();
}

std::size_t bell_sweep::size() const {
  const std::lock_guard guard(mutex_);
  return bells_.size();
}

bell::bell(bell_sweep& sweep) : sweep_(sweep) {
  const std::lock_guard guard(sweep_.mutex_);
  sweep_.bells_.insert(this);
}

bell::~bell() {
  const std::lock_guard guard(sweep_.mutex_);
  sweep_.bells_.erase(this);
}

void bell::ring() {
  if (state_.exchange(rung) != parked) return;
  // Once completed, the waiter may run, end and destroy this bell at any moment.
  const auto slot = std::move(slot_);
  slot->complete(true);
}

asio::awaitable<void> bell::wait_until(clock::time_point until) {
  if (state_.exchange(idle) == rung) co_return;
  due_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  auto park = [this](std::unique_ptr<eventstore::reply_slot<bool>> slot) {
    slot_ = std::move(slot);
    std::uint8_t expected = idle;
    if (state_.compare_exchange_strong(expected, parked)) return;
    const auto at_once = std::move(slot_); // rung in between
    at_once->complete(true);
  };
  co_await eventstore::wait_for_reply<bool>(std::move(park));
  due_.store(never, std::memory_order_relaxed);
  // Before the caller looks: whatever is rung for from here on ends the next wait.
  state_.exchange(idle);
}

} // namespace synclog::http::streams
