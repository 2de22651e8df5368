// A log that is whole, and what an owner with a superuser's rights can do to it: the append-only trigger is
// off for one statement. Each tampering gets a copy of its own.
#pragma once
#include "eventstore/verify_log.hpp"
#include "support/cluster.hpp"
#include <optional>
#include <string>

namespace synclog::tests {

// A database whose log has these twelve events, written by a committer. Nobody is connected to it.
//   1 C-1 created, north    4 C-2 updated, to north   7 C-1 created again    10 C-2 updated
//   2 C-2 created, south    5 V-1 created             8 V-1 updated          11 C-3 updated
//   3 C-1 updated           6 C-1 deleted             9 C-3 created          12 V-2 created
const std::string& whole_log();
inline constexpr std::int64_t whole_log_head = 12;

// Runs the statements on `database` as superuser with the log's trigger off.
void tamper(const std::string& database, const std::string& statements);
// The same on a new copy of whole_log(), whose name is returned.
std::string tampered(const std::string& statements);
// Statements that give every event from `first` on the hash that its content now has: a rewrite by somebody
// who knows the format.
std::string rehash(std::int64_t first);

inline eventstore::verify_options between(std::int64_t from, std::optional<std::int64_t> to,
                                          unsigned jobs = 2) {
  eventstore::verify_options made;
  made.from = {from};
  if (to) made.to = core::position{*to};
  made.jobs = jobs;
  return made;
}
inline eventstore::verify_options with_jobs(unsigned jobs) {
  return between(1, std::nullopt, jobs);
}

// What verify_log says: "ok", or "kind@position".
std::string verdict(const std::string& database, const eventstore::verify_options& options = {});
eventstore::verify_report verified(const std::string& database,
                                   const eventstore::verify_options& options = {});

} // namespace synclog::tests
