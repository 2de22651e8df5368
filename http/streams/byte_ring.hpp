// The newest frames of one stream as ready bytes, in blocks: whoever has seen everything up to a position
// takes what follows, contiguous, without a copy. Bounded in bytes; not thread-safe (its channel locks).
#pragma once
#include "core/event.hpp"
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace synclog::http::streams {

class byte_ring {
 public:
  using clock = std::chrono::steady_clock;

  // Complete from `base` on: every frame of the stream behind it will be appended.
  byte_ring(core::position base, std::size_t max_bytes);

  // Frames come in order of their positions.
  void append(const core::cursor& at, clock::time_point known_at, std::string_view frame);

  // Whole frames from the first one behind a position, as many as lie together. The bytes stay good as long
  // as `holds` is kept, whatever happens to the ring.
  struct slice {
    std::shared_ptr<const void> holds;
    std::string_view bytes; // empty: nothing lies behind the position
    std::size_t frames = 0;
    core::cursor last;             // of the last frame
    core::position first_previous; // what the first frame has as its `previous`, or behind it
    clock::time_point known_at;    // of the first frame
  };
  // No value when frames behind the position are no longer held.
  std::optional<slice> after(core::position where) const;

  // The position that the next frame has as its `previous`.
  core::position previous() const { return last_; }
  std::size_t bytes() const { return bytes_; }

  // Forgets the oldest block; false when there is none.
  bool drop_oldest();
  // Forgets everything; complete from `base` on.
  void restart(core::position base);

 private:
  struct frame_mark {
    std::int64_t position;
    std::uint32_t end; // offset behind the frame
    clock::time_point known_at;
  };
  struct block {
    explicit block(std::size_t bytes);
    // With what tells its frames apart: of small frames that is more than they are.
    std::size_t bytes() const { return capacity + marks.capacity() * sizeof(frame_mark); }
    // Never more marks than frames' bytes: the newest block is kept whatever the bound.
    bool has_room_for(std::size_t frame_bytes) const {
      return capacity - used >= frame_bytes && (marks.size() + 1) * sizeof(frame_mark) <= capacity;
    }
    std::unique_ptr<char[]> data;
    std::size_t capacity = 0, used = 0;
    std::vector<frame_mark> marks;
    core::position previous; // of the frame before its first
    core::cursor last;
  };

  block& block_for(std::size_t frame_bytes);
  void keep_bound();

  std::size_t max_bytes_;
  std::deque<std::shared_ptr<block>> blocks_;
  std::size_t bytes_ = 0;         // of all blocks
  std::size_t next_capacity_ = 0; // grows with the stream's rate, so that quiet streams hold little
  core::position complete_from_;  // frames behind it are all here
  core::position last_;           // of the newest frame, or the base
};

} // namespace synclog::http::streams
