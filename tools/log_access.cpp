#include "tools/log_access.hpp"

#include "eventstore/pg/types.hpp"
#include "projections/stored_definitions.hpp"
#include <CLI/CLI.hpp>

namespace synclog::tools {

void add_log_options(CLI::App& app, log_options& options) {
  add_database_options(app, options.database);
  app.add_option("--entities", options.entities_dir, "folder of further entity definitions")
      ->envname("SYNCLOG_ENTITIES");
}

core::result<core::catalog> load_definitions(const std::string& entities_dir,
                                             const database_access& database) {
  const auto own = core::catalog::load(entities_dir);
  if (!own) {
    return own.error();
  }
  try {
    return core::with_adopted(*own, projections::stored_definitions(database.service_conninfo, ""));
  } catch (const eventstore::pg::unavailable& failed) {
    return core::make_problem(core::problem_code::database_unavailable, failed.what());
  }
}

core::result<log_access> open_log(const log_options& options) {
  // Before anything is started: a folder with a mistake in it needs no database.
  if (const auto own = core::catalog::load(options.entities_dir); !own) {
    return own.error();
  }
  auto database = open_database(options.database);
  if (!database) {
    return database.error();
  }
  // As serve does: what may be made here is made whole.
  if (database->cluster && options.database.when_missing == eventstore::pg::missing_cluster::make) {
    if (const auto made = bring_up_to_date(*database); !made) {
      return made.error();
    }
  }
  if (const auto fits = check_schema(*database); !fits) {
    return fits.error();
  }
  auto entities = load_definitions(options.entities_dir, *database);
  if (!entities) {
    return entities.error();
  }
  return log_access{std::move(*entities), std::move(*database)};
}

int run_on_log(const log_options& options, const std::function<int(log_access&)>& work,
               const std::function<void()>& before_error) {
  auto opened = open_log(options);
  if (!opened) {
    return report_problem(opened.error());
  }
  try {
    return work(*opened);
  } catch (const eventstore::pg::unavailable& failed) {
    if (before_error) {
      before_error();
    }
    return report_problem(core::make_problem(core::problem_code::database_unavailable, failed.what()));
  } catch (...) {
    if (before_error) {
      before_error();
    }
    throw;
  }
}

} // namespace synclog::tools
