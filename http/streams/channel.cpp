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
  // Only the hub appends, so `previous` does not change in between.
  core::position previous;
  {
    const std::lock_guard guard(mutex_);
    previous = ring_.previous();
  }
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

void channel::add_bell(bell& one) {
  const std::lock_guard guard(bells_mutex_);
  bells_.push_back(&one);
}

void channel::remove_bell(bell& one) {
  const std::lock_guard guard(bells_mutex_);
  const auto found = std::find(bells_.begin(), bells_.end(), &one);
  if (found == bells_.end()) return;
  *found = bells_.back();
  bells_.pop_back();
}

std::size_t channel::ring_bells() const {
  const std::lock_guard guard(bells_mutex_);
  for (bell* one : bells_)
    one->ring();
  return bells_.size();
}

} // namespace synclog::http::streams
