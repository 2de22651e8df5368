// What became of the operations of a run, in numbers; and what an old backup takes away by its nature. Pure.
#pragma once
#include "fault/history.hpp"
#include "fault/logged_event.hpp"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::fault {

struct tally {
  std::size_t operations = 0, acknowledged = 0, refused = 0, nothing_saved = 0;
  std::size_t unanswered_attempts = 0, retried = 0, replayed = 0;
  // Told "unknown" or nothing at first: known by a retry's answer; or never answered, and in the log or not.
  std::size_t settled_by_retry = 0, unknown_there = 0, unknown_absent = 0;
  // Records that were acknowledged and are not in the log; events more than were acknowledged.
  std::size_t lost = 0, doubled = 0;

  tally& operator+=(const tally& more);
};

tally count(const std::vector<operation>& operations, const std::vector<logged_event>& log);

// The operations that a log ending at `kept_head` of `old_log` still answers for: all but those with an event
// beyond it. What of them was acknowledged is counted in `cut_acknowledged`.
std::vector<operation> without_cut(std::vector<operation> operations,
                                   const std::vector<logged_event>& old_log, std::int64_t kept_head,
                                   std::size_t& cut_acknowledged);

} // namespace synclog::tests::fault
