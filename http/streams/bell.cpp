// See bell.hpp.
#include "http/streams/bell.hpp"

namespace synclog::http::streams {

namespace asio = boost::asio;

void bell_sweep::ring_due(bell::clock::time_point now) {
  for (part& each : parts_) {
    const std::lock_guard guard(each.mutex);
    for (bell* one : each.bells)
      if (one->due_.load(std::memory_order_relaxed) <= now.time_since_epoch().count()) one->ring();
  }
}

void bell_sweep::ring_all() {
  for (part& each : parts_) {
    const std::lock_guard guard(each.mutex);
    for (bell* one : each.bells)
      one->ring();
  }
}

std::size_t bell_sweep::size() const {
  std::size_t bells = 0;
  for (const part& each : parts_) {
    const std::lock_guard guard(each.mutex);
    bells += each.bells.size();
  }
  return bells;
}

bell::bell(bell_sweep& sweep) : bell(sweep, nullptr) {}
bell::bell(bell_sweep& sweep, responder& stream) : bell(sweep, &stream) {}

bell::bell(bell_sweep& sweep, responder* rests)
    : sweep_(sweep), rests_(rests), part_(sweep.next_part_++ % bell_sweep::part_count) {
  auto& part = sweep_.parts_[part_];
  const std::lock_guard guard(part.mutex);
  index_ = static_cast<std::uint32_t>(part.bells.size());
  part.bells.push_back(this);
}

bell::~bell() {
  auto& part = sweep_.parts_[part_];
  const std::lock_guard guard(part.mutex);
  bell* const last = part.bells.back();
  part.bells[index_] = last;
  last->index_ = index_;
  part.bells.pop_back();
}

void bell::ring() {
  if (rests_ != nullptr) {
    rests_->wake();
    return;
  }
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
