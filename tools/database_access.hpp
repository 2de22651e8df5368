// How every subcommand finds its database: --database-url or DATABASE_URL names one; otherwise the private
// cluster of the data folder, started when it does not run and stopped again by a subcommand that started it.
#pragma once
#include "core/problem.hpp"
#include "eventstore/pg/embedded.hpp"
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace synclog::tools {

struct database_options {
  std::string database_url;
  std::string data_dir;
  // A mistyped folder must not become a new, empty database for whoever only looks.
  eventstore::pg::missing_cluster when_missing = eventstore::pg::missing_cluster::refuse;
};

// Adds --database-url and --data-dir, with their environment variables.
void add_database_options(CLI::App& app, database_options& options);

struct database_access {
  std::unique_ptr<eventstore::pg::embedded_cluster> cluster; // null: somebody else's database
  std::string owner_conninfo;                                // for migrations
  std::string service_conninfo;                              // for everything else
  std::string service_role; // SET ROLE behind service_conninfo; empty = as logged in
  std::string description;  // for the first line of serve; never holds a password
  std::string warning;      // "" or a sentence with its fix
};

// Problems: database_unavailable, or a sentence that says what to do.
core::result<database_access> open_database(const database_options& options);

// Whether the log has the schema that this program works with; else a sentence with the fix.
core::result<void> check_schema(const database_access& access);

// Prints a problem to stderr and returns the exit code that belongs to it.
int report_problem(const core::problem& why);

} // namespace synclog::tools
