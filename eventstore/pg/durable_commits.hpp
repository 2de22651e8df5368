// That a commit is durable when it is answered must not depend on what a login's settings were when its
// session began, or become: every session says it for itself, so that ALTER ROLE … SET synchronous_commit, or
// a reload of the server's settings, changes nothing under it.
#pragma once

namespace synclog::eventstore::pg {

// An expression for a SELECT at the beginning of a session. What is stricter than 'on' stays.
inline constexpr const char* durable_commits =
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, false)";

} // namespace synclog::eventstore::pg
