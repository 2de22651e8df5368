// See identity_change.hpp.
#include "eventstore/identity_change.hpp"

#include "eventstore/head_lock.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <utility>

namespace synclog::eventstore {

namespace {

// For whoever writes to the log without the head lock.
constexpr const char* lock_timeout = "SET lock_timeout = '10s'";
constexpr const char* adopt_sql = "SELECT synclog.adopt_log_id($1::uuid)";

} // namespace

core::result<identity_change> identity_change::make(pg::plain_connection owner, const core::uuid& id) {
  owner.run("SET search_path = pg_catalog"); // first: others may put functions into schema public
  owner.run(lock_timeout);
  try {
    const auto before = owner.run("SELECT log_id::text FROM synclog.log_meta");
    std::string old_id(before.text(0, 0));
    owner.run(adopt_sql, {core::to_string(id)});
    return identity_change(std::move(owner), std::move(old_id));
  } catch (const pg::query_failed& error) {
    if (pg::classify(error.info().sqlstate) != pg::meaning::not_allowed) throw;
    return core::make_problem(core::problem_code::forbidden,
                              "only the owner of an empty log may give it the identity of an exported one; "
                              "fix: name him with --owner-url (SYNCLOG_OWNER_URL)");
  }
}

identity_change::identity_change(identity_change&& other) noexcept
    : owner_(std::move(other.owner_)), before_(std::exchange(other.before_, std::nullopt)) {}

identity_change::~identity_change() {
  if (!before_) return;
  try {
    // Whoever appends reads the identity behind the head lock and counts on it until he has committed.
    owner_.run("BEGIN");
    owner_.run("SELECT pg_advisory_xact_lock($1)", {std::to_string(head_lock_key)});
    owner_.run(adopt_sql, {*before_});
    owner_.run("COMMIT");
  } catch (const std::exception&) {
    // The database is gone, or somebody has written: then the identity stands, and another run goes on from
    // it.
  }
}

} // namespace synclog::eventstore
