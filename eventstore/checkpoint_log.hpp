// Checkpoints and the log: what to sign of it, and whether it extends what was signed. core/checkpoint signs.
#pragma once
#include "core/checkpoint.hpp"
#include "eventstore/verify_log.hpp"
#include <optional>
#include <string>

namespace synclog::eventstore {

// The log at its head, or at `at`, in one snapshot; signed_at is now. not_found when nothing is there. Throws
// pg::unavailable.
core::result<core::checkpoint> checkpoint_of(const std::string& conninfo,
                                             std::optional<core::position> at = {});

// Empty when the log is the checkpoint's and has its event, with its hash and its time, at its position.
// Throws pg::unavailable.
std::optional<difference> differs_from(const std::string& conninfo, const core::checkpoint& since);

} // namespace synclog::eventstore
