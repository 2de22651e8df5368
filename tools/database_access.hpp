// How every subcommand finds its database: --database-url or DATABASE_URL names one; otherwise the private
// cluster of the data folder, started when it does not run and stopped again by a subcommand that started it.
// And as whom it works there: as the service role, whatever the login may be; the owner of the log is for
// migrations and for the few steps that need him.
#pragma once
#include "core/problem.hpp"
#include "eventstore/pg/embedded.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace synclog::tools {

struct database_options {
  std::string database_url;
  std::string owner_url; // empty: the owner logs in as everybody does
  std::string data_dir;
  // A mistyped folder must not become a new, empty database for whoever only looks.
  eventstore::pg::missing_cluster when_missing = eventstore::pg::missing_cluster::refuse;
  // Who is wanted. The owner alone is enough for migrations, when the service cannot log in yet.
  enum class login : std::uint8_t { service, owner } as = login::service;
};

// Adds --database-url, --owner-url and --data-dir, with their environment variables.
void add_database_options(CLI::App& app, database_options& options);

struct database_access {
  std::unique_ptr<eventstore::pg::embedded_cluster> cluster; // null: somebody else's database
  std::string owner_conninfo;                                // for migrations, and what only the owner may
  // For everything else: each of its sessions is the service role from its beginning on.
  std::string service_conninfo;
  std::string not_serving;  // why its login cannot be the service role, with the fix; "" = it can
  std::string description;  // for the first line of serve; never holds a password
  std::string database_url; // as it was given; "" for a private one
};

// Problems: database_unavailable, or a sentence that says what to do.
core::result<database_access> open_database(const database_options& options);

// Whether the owner's URL and the service's lead to one database. Before the owner is used: whoever does not
// need him does not log in as him.
core::result<void> check_owner(const database_access& access);

// A session of the log's owner for a step that only he may take: of the login that is known best, where no
// owner was named. Checked as above. Whoever runs a statement in it pins its search_path first. Throws
// pg::unavailable.
core::result<eventstore::pg::plain_connection> open_owner(const database_access& access,
                                                          const std::string& application_name);

// Applies the migrations that are missing, as the owner; their names. The service role may come with them, so
// the service's login is looked at again.
core::result<std::vector<std::string>> bring_up_to_date(database_access& access);

// Whether the log has the schema that this program works with, and the login may serve it; else a sentence
// with the fix.
core::result<void> check_schema(const database_access& access);

// What the database said no to, as a problem: a right that is missing comes with how to get it.
core::problem problem_of(const eventstore::pg::query_failed& failed);

// Prints a problem to stderr and returns the exit code that belongs to it.
int report_problem(const core::problem& why);

} // namespace synclog::tools
