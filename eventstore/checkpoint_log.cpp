// See checkpoint_log.hpp.
#include "eventstore/checkpoint_log.hpp"

#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace {

const std::string checkpoint_sql = R"(
  SELECT m.log_id, e.position, e.hash, e.recorded_at
  FROM synclog.log_meta AS m CROSS JOIN LATERAL (
    SELECT position, hash, recorded_at FROM synclog.events
    WHERE position = coalesce($1::bigint, (SELECT max(position) FROM synclog.events))) AS e)";

// One row: what the log has to say about a position.
const std::string since_sql = R"(
  SELECT m.log_id, e.hash, CASE WHEN isfinite(e.recorded_at) THEN e.recorded_at END,
    (SELECT coalesce(max(position), 0) FROM synclog.events)
  FROM (SELECT 1) AS always
  LEFT JOIN synclog.log_meta AS m ON true
  LEFT JOIN synclog.events AS e ON e.position = $1::bigint
  LIMIT 1)";

// Each looks at a few rows: what takes longer waits for something. Others wait for it in turn.
const std::string bounded_sql = "SET statement_timeout = '10s'";

template <class Array>
bool read_bytes(std::string_view bytes, Array& out) {
  if (bytes.size() != out.size()) {
    return false;
  }
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

using core::bytes_of;

difference differing(std::int64_t position, const char* kind, const std::string& why, const char* field,
                     std::string stored, std::string computed) {
  return {{position},
          kind,
          fmt::format("position {}: {}", position, why),
          {},
          {},
          field,
          std::move(stored),
          std::move(computed)};
}

} // namespace

core::result<core::checkpoint> checkpoint_of(const std::string& conninfo, std::optional<core::position> at) {
  pg::plain_connection db(conninfo, "", "synclog checkpoint");
  db.run(bounded_sql);
  pg::params where;
  if (at) {
    where.int8(at->value);
  } else {
    where.null();
  }
  const auto found = db.run(checkpoint_sql, where, pg::result_format::binary);
  core::checkpoint made;
  if (found.size() != 1 || !read_bytes(found.text(0, 0), made.log_id) ||
      !read_bytes(found.text(0, 2), made.hash)) {
    return core::make_problem(core::problem_code::not_found,
                              at ? fmt::format("there is no event at position {}", at->value)
                                 : std::string("the log is empty: there is nothing to sign"));
  }
  made.position = {found.int8(0, 1)};
  made.recorded_at = {found.timestamptz(0, 3)};
  made.signed_at = core::now();
  return made;
}

std::optional<difference> differs_from(const std::string& conninfo, const core::checkpoint& since) {
  pg::plain_connection db(conninfo, "", "synclog verify");
  db.run(bounded_sql);
  pg::params where;
  where.int8(since.position.value);
  const auto found = db.run(since_sql, where, pg::result_format::binary);
  const auto position = since.position.value;
  core::uuid log_id{};
  if (found.is_null(0, 0) || !read_bytes(found.text(0, 0), log_id) || log_id != since.log_id) {
    const auto stored = found.is_null(0, 0) ? std::string("none") : core::to_string(log_id);
    return differing(
        position, "identity",
        fmt::format("the checkpoint is of log {}, this is log {}", core::to_string(since.log_id), stored),
        "log_id", stored, core::to_string(since.log_id));
  }
  if (const auto head = found.int8(0, 3); head < position) {
    return differing(head + 1, "checkpoint",
                     fmt::format("missing: the log ends at {}, the checkpoint names {}", head, position),
                     "position", std::to_string(head), std::to_string(position));
  }
  if (found.is_null(0, 1)) {
    return differing(position, "gap", "missing, the checkpoint names it", "position", {},
                     std::to_string(position));
  }
  if (found.text(0, 1) != bytes_of(since.hash)) {
    const auto stored = core::to_hex(found.text(0, 1)), named = core::to_hex(since.hash);
    return differing(
        position, "checkpoint",
        fmt::format("stored hash {}, the checkpoint says {}: not the log that was signed", stored, named),
        "hash", stored, named);
  }
  const std::optional<core::timestamp> recorded =
      found.is_null(0, 2) ? std::nullopt : std::optional(core::timestamp{found.timestamptz(0, 2)});
  if (recorded != since.recorded_at) {
    const auto stored = recorded ? core::to_rfc3339(*recorded) : std::string("no time");
    const auto named = core::to_rfc3339(since.recorded_at);
    return differing(position, "checkpoint",
                     fmt::format("recorded at {}, the checkpoint says {}", stored, named), "recorded_at",
                     stored, named);
  }
  return std::nullopt;
}

} // namespace synclog::eventstore
