// Named places of a write's way through the committer at which a test makes the server die or wait. The
// program that ships has them, so that what is tested is what ships; nothing is armed unless `serve
// --failpoints` says so, which no environment variable does. Armed once, before any thread starts.
#pragma once
#include "core/problem.hpp"
#include <atomic>
#include <string_view>

namespace synclog::eventstore::failpoint {

enum class place : std::uint8_t {
  before_begin,  // nothing of the batch was sent
  before_commit, // it is decided; its rows and the COMMIT are about to be sent
  after_commit,  // it is durable; nobody knows yet
  before_answer, // the feed has it; who wrote it does not know yet
  after_answer,  // who wrote it is being told; whether the streams have told theirs is chance
};

// "before_commit=kill@37,after_commit=pause:200": at the 37th pass of the first place SIGKILL to this
// process, at the first pass of the second 200 ms of standing still. At most `max_armed`, each place once.
// bad_request when it cannot be read.
inline constexpr std::size_t max_armed = 5;
inline constexpr int max_pause_ms = 60'000;
core::result<void> arm(std::string_view text);

namespace detail {
inline std::atomic<bool> any_armed{false};
void pass_armed(place where);
} // namespace detail

// Any thread. Costs one read of memory while nothing is armed.
inline void pass(place where) {
  if (detail::any_armed.load(std::memory_order_relaxed)) [[unlikely]]
    detail::pass_armed(where);
}

} // namespace synclog::eventstore::failpoint
