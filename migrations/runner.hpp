// Brings the schema of the log up to date, and says what state it is in. Synchronous libpq: it runs before
// the server serves, or from the command line. Problems are values in plain words; database_unavailable means
// that the database cannot be reached, precondition_failed that it was reached and is not as it must be,
// overloaded that somebody else holds a lock that we waited for. Safe to call from several processes at once;
// each call has a connection of its own.
#pragma once
#include "core/ids.hpp"
#include "core/problem.hpp"
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::migrations {

// {file name, text} of each migrations/*.sql, generated at build time.
std::span<const std::pair<std::string_view, std::string_view>> embedded_migration_files();

struct migration {
  int number = 0;        // from the file name: 001_event_log.sql -> 1
  std::string_view name; // "event_log"
  std::string_view sql;
  core::sha256_digest checksum{}; // of the file's bytes
};

// The given files in order; a problem when a name has no number or the numbers are not 1, 2, 3 …
core::result<std::vector<migration>> list_migrations(
    std::span<const std::pair<std::string_view, std::string_view>> files = embedded_migration_files());

struct options {
  bool dry_run = false;                              // runs everything, then rolls all of it back
  std::chrono::milliseconds lock_timeout{10'000};    // for each lock a migration takes on a table
  std::chrono::milliseconds wait_for_others{60'000}; // while another process migrates
  std::chrono::seconds connect_timeout{10};
  std::span<const std::pair<std::string_view, std::string_view>> files = embedded_migration_files();
};

enum class schema_state : std::uint8_t {
  empty, // no schema synclog
  older, // migrations of this program are missing
  current,
  newer, // made by a later version of synclog
};
std::string_view to_string(schema_state state);

struct report {
  schema_state before = schema_state::empty;
  bool dry_run = false;
  std::vector<std::string> applied; // "001 event_log", in order; for a dry run what would be
};

// Applies what is missing, each migration in a transaction of its own, under a session advisory lock. Refuses
// a database that is newer, that has a gap, or whose applied migrations differ from the files.
core::result<report> up(const std::string& conninfo, const options& how = {});

struct status_row {
  enum class state : std::uint8_t { applied, pending, changed, unknown };
  int number = 0;
  std::string name;
  state is = state::pending;
  std::string applied_at; // RFC 3339, UTC; empty while pending
  std::string applied_by;
};
std::string_view to_string(status_row::state state);

// One row for each migration that the program or the database knows, in order. Changes nothing.
core::result<std::vector<status_row>> status(const std::string& conninfo, const options& how = {});

// Everything that must hold and does not, in plain sentences; empty = fine. Beside the checksums: encoding,
// the single identity row, the append-only triggers, the rights of the service role. Changes nothing.
core::result<std::vector<std::string>> verify(const std::string& conninfo, const options& how = {});

// What `serve` asks first. precondition_failed when a migration was changed or there is a gap.
core::result<schema_state> check(const std::string& conninfo, const options& how = {});

// Refuses a database that can lose what it has acknowledged: fsync, full_page_writes or synchronous_commit
// off for this login, and one that is read-only, too old or not UTF-8.
core::result<void> check_durability(const std::string& conninfo, const options& how = {});

} // namespace synclog::migrations
