// What a subcommand that works on the log needs, opened and checked in one place: the database and the entity
// definitions.
#pragma once
#include "core/entity.hpp"
#include "tools/database_access.hpp"
#include <functional>
#include <string>

namespace synclog::tools {

struct log_options {
  database_options database;
  std::string entities_dir;
};

// Adds --database-url, --data-dir and --entities, with their environment variables.
void add_log_options(CLI::App& app, log_options& options);

struct log_access {
  core::catalog entities;
  database_access database;
};

// The embedded definitions, those of a folder ("" = none), and what the database has adopted beyond them. The
// schema must be there. Problems: a definition that cannot be used; no database.
core::result<core::catalog> load_definitions(const std::string& entities_dir,
                                             const database_access& database);

// Problems: a definition that cannot be used, no database, a schema that is not this program's.
core::result<log_access> open_log(const log_options& options);

// Opens the log and does the work; what goes wrong is printed. `before_error` runs before that, to take a
// progress line away; it may be empty. Returns the work's exit code, or that of the problem.
int run_on_log(const log_options& options, const std::function<int(log_access&)>& work,
               const std::function<void()>& before_error = {});

} // namespace synclog::tools
