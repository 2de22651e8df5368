// See byte_ring.hpp.
#include "http/streams/byte_ring.hpp"
#include <algorithm>
#include <cstring>

namespace synclog::http::streams {

namespace {

constexpr std::size_t smallest_block_bytes = 2u << 10;
constexpr std::size_t largest_block_bytes = 64u << 10; // a larger frame has a block to itself

} // namespace

byte_ring::block::block(std::size_t bytes)
    : data(std::make_unique_for_overwrite<char[]>(bytes)), capacity(bytes) {}

byte_ring::byte_ring(core::position base, std::size_t max_bytes)
    : max_bytes_(max_bytes), next_capacity_(smallest_block_bytes), complete_from_(base), last_(base) {}

byte_ring::block& byte_ring::block_for(std::size_t frame_bytes) {
  if (!blocks_.empty()) {
    block& newest = *blocks_.back();
    if (newest.has_room_for(frame_bytes)) return newest;
  }
  auto made = std::make_shared<block>(std::max(frame_bytes, next_capacity_));
  next_capacity_ = std::min(next_capacity_ * 2, largest_block_bytes);
  made->previous = last_;
  bytes_ += made->bytes();
  blocks_.push_back(std::move(made));
  return *blocks_.back();
}

void byte_ring::keep_bound() {
  while (bytes_ > max_bytes_ && blocks_.size() > 1)
    drop_oldest();
}

void byte_ring::append(const core::cursor& at, clock::time_point known_at, std::string_view frame) {
  block& into = block_for(frame.size());
  // Readers of this block may be sending what lies before `used`: bytes there are never written again.
  std::memcpy(into.data.get() + into.used, frame.data(), frame.size());
  const auto before = into.bytes();
  // The one thing that can fail comes first: afterwards the frame is there, or nothing of it.
  into.marks.push_back({at.position.value, static_cast<std::uint32_t>(into.used + frame.size()), known_at});
  bytes_ += into.bytes() - before;
  into.used += frame.size();
  into.last = at;
  last_ = at.position;
  keep_bound();
}

std::optional<byte_ring::slice> byte_ring::after(core::position where) const {
  if (where < complete_from_) return std::nullopt;
  slice found;
  if (where >= last_) return found;
  const auto holds_later = [where](const std::shared_ptr<block>& one) { return one->last.position > where; };
  // Nearly always the newest block: look from the end.
  auto at = blocks_.end();
  while (at != blocks_.begin() && holds_later(*std::prev(at)))
    --at;
  if (at == blocks_.end()) return found;
  const block& from = **at;
  const auto first =
      std::upper_bound(from.marks.begin(), from.marks.end(), where.value,
                       [](std::int64_t value, const frame_mark& mark) { return value < mark.position; });
  const bool leads = first == from.marks.begin();
  const std::size_t begin = leads ? 0 : std::prev(first)->end;
  found.holds = *at;
  found.bytes = {from.data.get() + begin, from.used - begin};
  found.frames = static_cast<std::size_t>(from.marks.end() - first);
  found.last = from.last;
  found.first_previous = leads ? from.previous : core::position{std::prev(first)->position};
  found.known_at = first->known_at;
  return found;
}

bool byte_ring::drop_oldest() {
  if (blocks_.empty()) return false;
  complete_from_ = blocks_.front()->last.position;
  bytes_ -= blocks_.front()->bytes();
  blocks_.pop_front();
  if (blocks_.empty()) next_capacity_ = smallest_block_bytes;
  return true;
}

void byte_ring::restart(core::position base) {
  blocks_.clear();
  bytes_ = 0;
  next_capacity_ = smallest_block_bytes;
  complete_from_ = base;
  last_ = base;
}

} // namespace synclog::http::streams
