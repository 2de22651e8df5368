// What synclog.migrations says, compared with the files. Shared by the runner and the inspections; used by
// one thread.
#pragma once
#include "migrations/runner.hpp"
#include "migrations/session.hpp"

namespace synclog::migrations {

struct applied_row {
  int number = 0;
  std::string name;
  std::string checksum; // hex
  std::string applied_at;
  std::string applied_by;
};

struct applied_state {
  bool schema_exists = false;
  std::vector<applied_row> rows; // by number
};

// forbidden when this login may not look, precondition_failed when a schema synclog is there that we did not
// make.
core::result<applied_state> read_applied(session& database);

// The state, or why the database must not be touched: a gap, or a migration that is not the one we know.
core::result<schema_state> compare(const applied_state& applied, const std::vector<migration>& files);

} // namespace synclog::migrations
