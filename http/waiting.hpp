// What a connection waits for its client to do, and since when. The session notes it; the registry looks, and
// parts with some of those when others need their place. One word, so that both may do it at once.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace synclog::http {

class waiting {
 public:
  using clock = std::chrono::steady_clock;
  // In the order in which they are parted with: who has not come to the end of a TLS handshake, who never
  // asked anything or is refused already, who did ask and is idle, who sends a body slowly, who reads an
  // answer slowly.
  enum class reason : std::uint8_t { none, handshake, first_request, next_request, body, room };
  static constexpr std::size_t reasons = 6;

  struct state {
    reason why = reason::none;
    std::uint64_t since_us = 0; // of the steady clock
    bool operator==(const state&) const = default;
  };

  void begin(reason why, clock::time_point since) {
    word_.store(static_cast<std::uint64_t>(why) | microseconds(since) << reason_bits,
                std::memory_order_relaxed);
  }
  void end() { word_.store(0, std::memory_order_relaxed); }
  state look() const {
    const auto word = word_.load(std::memory_order_relaxed);
    return {static_cast<reason>(word & reason_mask), word >> reason_bits};
  }

  static std::uint64_t microseconds(clock::time_point when) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count());
  }

 private:
  static constexpr unsigned reason_bits = 3;
  static constexpr std::uint64_t reason_mask = (1u << reason_bits) - 1;
  std::atomic<std::uint64_t> word_{0};
};

// Somebody whose body or answer falls behind is left alone for so long.
inline constexpr std::chrono::seconds unhurried{5};

// How far behind a steady pace somebody is who sends a body or takes an answer: the moment since which
// nothing would have moved, had the rest come at that pace. Who is faster saves nothing up, so that a burst
// at first does not pay for silence later. Belongs to its session.
class lag {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t steady_bytes_per_s = 64u << 10;

  void begin(clock::time_point now) { behind_since_ = now; }
  // `bytes` have moved since the last call.
  clock::time_point behind_since(std::size_t bytes, clock::time_point now) {
    const std::chrono::duration<double> worth(static_cast<double>(bytes) / steady_bytes_per_s);
    behind_since_ = worth > now - behind_since_
                        ? now
                        : behind_since_ + std::chrono::duration_cast<clock::duration>(worth);
    return behind_since_;
  }

 private:
  clock::time_point behind_since_{};
};

// How many to choose at one look, when one place is asked for: one, and twice as many as the last time while
// looks follow each other and all of them were needed. So they are about as many as came lately, and whoever
// comes by hundreds is not looked for by hundreds of looks.
class parting_need {
 public:
  using clock = std::chrono::steady_clock;
  explicit parting_need(std::size_t most) : most_(most) {}

  std::size_t next(clock::time_point now) {
    wanted_ = wanted_ > 0 && now - last_look_ <= lately ? std::min(wanted_ * 2, most_) : 1;
    last_look_ = now;
    return wanted_;
  }
  // Not all of the last time were needed.
  std::size_t same(clock::time_point now) const {
    return wanted_ > 0 && now - last_look_ <= lately ? wanted_ : 1;
  }

 private:
  static constexpr std::chrono::seconds lately{1};
  std::size_t most_, wanted_ = 0;
  clock::time_point last_look_{};
};

// Which `most` of them to part with: places in `all`, in no order. Those of an earlier reason go before those
// of a later one, and among these who waits longest; who waits for nothing, never.
std::vector<std::size_t> choose_to_part_with(std::span<const waiting::state> all, std::size_t most,
                                             waiting::clock::time_point now);

} // namespace synclog::http
