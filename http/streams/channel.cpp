// See channel.hpp.
#include "http/streams/channel.hpp"
#include <algorithm>

namespace synclog::http::streams {

channel::channel(stream_view_ptr view, core::position base, std::size_t max_bytes,
                 std::atomic<std::int64_t>& all_bytes)
    : view_(std::move(view)), all_bytes_(all_bytes), ring_(base, max_bytes) {}

channel::~channel() {
  all_bytes_ -= static_cast<std::int64_t>(counted_bytes_);
}

void channel::count_bytes() {
  all_bytes_ += static_cast<std::int64_t>(ring_.bytes()) - static_cast<std::int64_t>(counted_bytes_);
  counted_bytes_ = ring_.bytes();
}

bool channel::append(const eventstore::feed_event& event, const docs_before& before) {
  thread_local std::string frame;
  frame.clear();
  // Only its follower appends, so `previous` does not change in between.
  core::position previous;
  {
    const std::lock_guard guard(mutex_);
    previous = ring_.previous();
  }
  if (event.at.position <= previous) return false; // of a round that broke off and is repeated
  if (!view_->append(frame, event, previous, before)) return false;
  const std::lock_guard guard(mutex_);
  ring_.append(event.at, event.known_at, frame);
  count_bytes();
  appended_ = true;
  return true;
}

void channel::restart(core::position base) {
  const std::lock_guard guard(mutex_);
  ring_.restart(base);
  count_bytes();
}

bool channel::drop_oldest() {
  const std::lock_guard guard(mutex_);
  const bool dropped = ring_.drop_oldest();
  count_bytes();
  return dropped;
}

void channel::rest() {
  const std::lock_guard guard(mutex_);
  if (appended_) {
    appended_ = false;
    return;
  }
  while (ring_.drop_oldest()) {
  }
  count_bytes();
}

std::size_t channel::bytes() const {
  const std::lock_guard guard(mutex_);
  return ring_.bytes();
}

std::optional<byte_ring::slice> channel::after(core::position where) const {
  const std::lock_guard guard(mutex_);
  return ring_.after(where);
}

channel::bell_group& channel::group_at(std::size_t index) const {
  const std::lock_guard guard(groups_mutex_);
  return *groups_[index];
}

std::size_t channel::add_bell(bell& one) {
  std::size_t index = 0;
  {
    const std::lock_guard guard(groups_mutex_);
    if (with_room_.empty()) {
      with_room_.push_back(groups_.size());
      groups_.push_back(std::make_unique<bell_group>());
      taken_.push_back(0);
    }
    index = with_room_.back();
    if (++taken_[index] == bells_a_group) with_room_.pop_back();
  }
  bell_group& group = group_at(index);
  const std::lock_guard guard(group.mutex);
  group.bells.push_back(&one);
  return index;
}

void channel::remove_bell(bell& one, std::size_t index) {
  bell_group& group = group_at(index);
  {
    const std::lock_guard guard(group.mutex);
    std::erase(group.bells, &one);
  }
  const std::lock_guard guard(groups_mutex_);
  if (taken_[index]-- == bells_a_group) with_room_.push_back(index);
}

std::size_t channel::bell_groups() const {
  const std::lock_guard guard(groups_mutex_);
  return groups_.size();
}

std::size_t channel::ring_bells(std::size_t index) const {
  bell_group& group = group_at(index);
  const std::lock_guard guard(group.mutex);
  for (bell* one : group.bells)
    one->ring();
  return group.bells.size();
}

} // namespace synclog::http::streams
