// What the server's login makes of the log's promises: whether what is acknowledged can be lost, and whether
// what was acknowledged could be changed. Asked before serving, and again while it serves.
#pragma once
#include "core/problem.hpp"
#include "migrations/runner.hpp"
#include <string>
#include <vector>

namespace synclog::migrations {

// One statement without parameters for any connection of the server: rows of (kind, sentence), both text.
// Kind 'loss': what is acknowledged can be lost, the sentence names the fix. Kind 'power': the login, the
// role that it has taken on, or a role that either may become could alter the log; the sentence names the
// fix. No rows: all is well. Reads catalogs only.
extern const char* const guard_sql;

struct log_guard {
  std::vector<std::string> losses;
  std::vector<std::string> powers;
};

// The same over a connection of its own. database_unavailable, or whatever the database says no to.
core::result<log_guard> look_at_guard(const std::string& conninfo, const options& how = {});

} // namespace synclog::migrations
