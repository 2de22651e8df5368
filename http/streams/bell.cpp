// See bell.hpp.
#include "http/streams/bell.hpp"

namespace synclog::http::streams {

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

bell::bell(bell_sweep& sweep, wakeable& stream)
    : sweep_(sweep), stream_(stream), part_(sweep.next_part_++ % bell_sweep::part_count) {
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

} // namespace synclog::http::streams
