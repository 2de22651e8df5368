// Compares what clients were told with what the log holds: invariants I1 to I4 of the log. Pure.
//   I1  an acknowledged write is there exactly once, as the answer said (id, version, position, cursor)
//   I2  a refused one is absent; an unanswered one is absent or there once, whole
//   I3  a strict bulk is all or nothing, at contiguous positions
//   I4  positions are 1..N without a gap; what was answered before another was sent has the smaller position
// I5 and I6 (the chain and the read tables) are `synclog replay verify`'s to check.
#pragma once
#include "fault/history.hpp"
#include "fault/logged_event.hpp"
#include <string>
#include <vector>

namespace synclog::tests::fault {

// Sentences that begin with the invariant ("I1: …"); none = all hold. Stops collecting at `max_findings`.
inline constexpr std::size_t max_findings = 20;
std::vector<std::string> check(const std::vector<operation>& operations,
                               const std::vector<logged_event>& log);

} // namespace synclog::tests::fault
