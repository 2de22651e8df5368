// synclog migrate up|status|verify: brings the schema of the log up to date, or says what state it is in.
#include "migrations/runner.hpp"
#include "tools/commands.hpp"
#include "tools/database_access.hpp"
#include "tools/exit_codes.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct migrate_options {
  database_options database;
  bool dry_run = false;
};

// Migrations are for the owner of the log, and DATABASE_URL may be the service's.
core::problem with_owner_hint(core::problem why, const database_options& where) {
  if (why.code == core::problem_code::forbidden && where.owner_url.empty() && !where.database_url.empty()) {
    why.detail += "; migrations are the owner's: his URL is --owner-url (SYNCLOG_OWNER_URL)";
  }
  return why;
}

int run_up(const migrate_options& options) {
  auto where = options.database;
  where.when_missing = eventstore::pg::missing_cluster::make;
  auto access = open_database(where);
  if (!access) {
    return report_problem(access.error());
  }
  migrations::options how;
  how.dry_run = options.dry_run;
  const auto done = migrations::up(access->owner_conninfo, how);
  if (!done) {
    return report_problem(with_owner_hint(done.error(), where));
  }
  for (const auto& name : done->applied) {
    fmt::print("{} {}\n", options.dry_run ? "would apply" : "applied", name);
  }
  if (done->applied.empty()) {
    fmt::print("up to date\n");
  }
  return exit_ok;
}

int run_status(const migrate_options& options) {
  auto access = open_database(options.database);
  if (!access) {
    return report_problem(access.error());
  }
  const auto rows = migrations::status(access->owner_conninfo);
  if (!rows) {
    return report_problem(rows.error());
  }
  for (const auto& row : *rows) {
    fmt::print("{:03} {:<24} {:<8} {} {}\n", row.number, row.name, migrations::to_string(row.is),
               row.applied_at, row.applied_by);
  }
  return exit_ok;
}

int run_verify(const migrate_options& options) {
  auto access = open_database(options.database);
  if (!access) {
    return report_problem(access.error());
  }
  const auto faults = migrations::verify(access->owner_conninfo);
  if (!faults) {
    return report_problem(faults.error());
  }
  for (const auto& fault : *faults) {
    fmt::print("{}\n", fault);
  }
  if (!faults->empty()) {
    return exit_difference_found;
  }
  fmt::print("the schema is as this program made it\n");
  return exit_ok;
}

} // namespace

void add_migrate(CLI::App& app, run_command& chosen) {
  auto* migrate =
      app.add_subcommand("migrate", "Brings the schema of the log up to date, or says what state it is in");
  migrate->require_subcommand(1);
  const auto options = std::make_shared<migrate_options>();
  options->database.as = database_options::login::owner;
  auto* up = migrate->add_subcommand("up", "Applies the migrations that are missing");
  add_database_options(*up, options->database);
  up->add_flag("--dry-run", options->dry_run, "Run them and roll back: says what would happen");
  up->callback([options, &chosen] { chosen = [options] { return run_up(*options); }; });
  auto* status = migrate->add_subcommand("status", "Lists the migrations and when each was applied");
  add_database_options(*status, options->database);
  status->callback([options, &chosen] { chosen = [options] { return run_status(*options); }; });
  auto* verify = migrate->add_subcommand(
      "verify", "Compares the database with what the migrations make of it (changes nothing)");
  add_database_options(*verify, options->database);
  verify->add_flag("--dry-run", options->dry_run, "Accepted for symmetry: verify never changes anything");
  verify->callback([options, &chosen] { chosen = [options] { return run_verify(*options); }; });
}

} // namespace synclog::tools
