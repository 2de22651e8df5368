// Whether the client of a write that waits for room still takes bytes. A socket becomes writable only when a
// good part of its buffer is free: with a slow client and a large buffer that takes minutes, though it reads
// on and on. So what is not acknowledged yet is looked at now and then. Belongs to its session; no I/O.
#pragma once
#include <cstddef>
#include <optional>

namespace synclog::http {

class write_progress {
 public:
  // Less than this between two looks is no progress.
  static constexpr std::size_t least_bytes = 4u << 10;

  // A write begins and ends to wait; `unacknowledged` bytes of the client's lie in the kernel.
  void begin(std::size_t unacknowledged) { at_look_ = unacknowledged; }
  void end() { at_look_.reset(); }
  bool waits() const { return at_look_.has_value(); }

  // True when the client has taken enough since the last look, or since the wait began.
  bool look(std::size_t unacknowledged) {
    if (!at_look_ || unacknowledged + least_bytes > *at_look_) return false;
    at_look_ = unacknowledged;
    return true;
  }

 private:
  std::optional<std::size_t> at_look_;
};

} // namespace synclog::http
