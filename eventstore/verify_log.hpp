// Proves the log: positions without gaps, hash chain, versions per record, time order. Reads page by page
// over several connections, beside a running server. projections/verify_tables compares the read tables.
#pragma once
#include "core/ids.hpp"
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

// The first difference that was found.
struct difference {
  core::position position; // 0 when it has none
  // Of the log: "gap", "position" (no place where an event can be), "end" (the log ends before the range),
  // "hash", "data_hash" (data and what stands in for it do not go together), "column" (a value that no event
  // has), "version", "action", "time", "identity" (no log id, or another's), "checkpoint", "signature",
  // "index". Of a read table: "table", "row_missing", "row_extra", "field".
  // "branch": an event's is not that of its data. "tail": a read table has a row of an event beyond the head.
  std::string kind;
  std::string detail;                                     // "position 42: stored hash …, computed …"
  std::string entity, record_id, field, stored, computed; // where they apply
};

struct verify_progress {
  std::string stage; // "log", or a read table's name
  std::int64_t done = 0, total = 0;
};

// What was found of a read table that is no difference.
struct verify_note {
  // "awaits_rebuild" (its definition was changed and served at once), "not_adopted" (this program's
  // definition is newer than the database's, by which the table was compared), "no_table" (none was made yet,
  // and the log has no event of the entity).
  std::string kind;
  std::string entity, table;
  std::string since;  // RFC 3339; "" = not known
  std::string detail; // "clients awaits its rebuild since …: …"
};

struct verify_report {
  std::int64_t events = 0;
  std::int64_t erased = 0; // of the events: those whose data is gone, with its hash in its place
  std::int64_t rows = 0;
  core::position head;       // the last event that was verified
  std::string head_hash_hex; // its hash, or the beginning's; "" when nothing was looked at
  std::optional<core::uuid> log_id;
  std::optional<eventstore::difference> difference;
  std::vector<verify_note> notes; // of the read tables, in the order of the definitions
  double seconds = 0;
};

// Called by one thread at a time, not always the same.
using progress_callback = std::function<void(const verify_progress&)>;

// A thread and a connection for each; the processor's cores, but not more than this.
inline constexpr unsigned most_verify_jobs = 8;
unsigned default_verify_jobs();

struct verify_options {
  core::position from{1};
  std::optional<core::position> to;              // empty: the head as it is when verifying begins
  std::optional<core::sha256_digest> known_hash; // of the event before `from`, from a checkpoint
  unsigned jobs = default_verify_jobs();
};

// Blocking; throws pg::unavailable, pg::query_failed. Fills events, erased, head, log_id, seconds, and
// difference: the one at the smallest position, whatever the threads did. What is before `from` is taken as
// it stands. No statement of it holds a snapshot for more than five seconds; memory is a page a job.
void verify_log(const std::string& conninfo, verify_report& report, const progress_callback& progress,
                const verify_options& options = {});

} // namespace synclog::eventstore
