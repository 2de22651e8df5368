#include "tools/log_access.hpp"

#include "eventstore/pg/types.hpp"
#include <CLI/CLI.hpp>

namespace synclog::tools {

void add_log_options(CLI::App& app, log_options& options) {
  add_database_options(app, options.database);
  app.add_option("--entities", options.entities_dir, "folder of further entity definitions")
      ->envname("SYNCLOG_ENTITIES");
}

core::result<log_access> open_log(const log_options& options) {
  auto entities = core::catalog::load(options.entities_dir);
  if (!entities) {
    return entities.error();
  }
  auto database = open_database(options.database);
  if (!database) {
    return database.error();
  }
  if (const auto fits = check_schema(*database); !fits) {
    return fits.error();
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
  }
}

} // namespace synclog::tools
