// synclog import: adopts an ordinary table of this or another database.
#include "eventstore/pg/plain_connection.hpp"
#include "migrations/runner.hpp"
#include "projections/read_table.hpp"
#include "tools/commands.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/run_context.hpp"
#include "tools/service_login.hpp"
#include "tools/stop_signal.hpp"
#include "tools/table_import.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <spdlog/spdlog.h>

namespace synclog::tools {

namespace pg = eventstore::pg;

namespace {

constexpr std::size_t sample_rows = 100;

struct import_command {
  log_options log;
  std::string table, entity, source_url, branch, id_column, actor, rejects;
  std::vector<std::string> map, skip;
  bool dry_run = false;
};

core::result<projections::adoption_options> options_of(const import_command& command) {
  projections::adoption_options made;
  made.skip = command.skip;
  made.branch = command.branch;
  for (const auto& pair : command.map) {
    const auto colon = pair.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == pair.size())
      return core::make_problem(core::problem_code::bad_request,
                                fmt::format("--map {}: a column and a field are written column:field", pair));
    made.map.emplace_back(pair.substr(0, colon), pair.substr(colon + 1));
  }
  return made;
}

// A table that this log makes itself is not to be read into it.
std::string refuse_source(pg::plain_connection& db, const projections::source_table& source,
                          const core::entity& definition) {
  if (source.schema() == "synclog") return fmt::format("{} belongs to the log itself", source.name());
  if (source.schema() != "public") return {};
  const auto ours = db.run("SELECT entity FROM synclog.read_tables WHERE table_name = $1", {source.name()});
  if (ours.size() > 0)
    return fmt::format("public.{} is the read table of {}: it is made from the log", source.name(),
                       ours.text(0, 0));
  if (source.name() != definition.table) return {};
  // A new name would not do: its indexes would keep theirs, which those of the read table must have.
  return fmt::format("public.{0} stands where the read table of {1} must be; move it first: CREATE SCHEMA "
                     "before; ALTER TABLE public.\"{0}\" SET SCHEMA before; then --table 'before.\"{0}\"'",
                     source.name(), definition.name);
}

// Reading a table runs code of its owner: of its indexes, of casts of its types.
std::string refuse_owner(const projections::source_table& source) {
  if (source.owner() != service_role || source.reader() == service_role) return {};
  return fmt::format(
      "{0}.{1} belongs to {2}, the role that serves, and what that puts into a table would run with "
      "the rights of {3}; name a login that is {2} with --source-url",
      source.schema(), source.name(), service_role, source.reader());
}

void print_guesses(const std::vector<projections::column_guess>& guesses) {
  std::size_t column = 6, field = 5, type = 4, example = 7;
  for (const auto& each : guesses) {
    column = std::max(column, each.column.size());
    field = std::max(field, each.field.size());
    type = std::max(type, each.type.size());
    example = std::max(example, each.example.size());
  }
  const auto print = [&](const projections::column_guess& each) {
    auto line = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<{}}  {}", each.column, column, each.field, field,
                            each.type, type, each.example, example, each.remark);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", harmless(line));
  };
  print({"column", "type", "field", "example", "remark"});
  for (const auto& each : guesses)
    print(each);
}

int print_report(const table_import_report& done, bool dry_run) {
  for (const auto& row : done.shown)
    for (const auto& error : row.errors)
      fmt::print("rejected {}: {} {}\n", harmless(row.key), error.pointer, harmless(error.detail));
  if (done.rejected > static_cast<std::int64_t>(done.shown.size()))
    fmt::print("… and {} more rejected\n", done.rejected - static_cast<std::int64_t>(done.shown.size()));
  if (dry_run) fmt::print("dry run, nothing was saved: ");
  fmt::print("{} rows: {} created, {} updated, {} unchanged, {} rejected\n", done.rows, done.created,
             done.updated, done.unchanged, done.rejected);
  if (done.ended) {
    fmt::print(stderr, "synclog: {}; the same command goes on\n", done.ended->detail);
    return done.ended->code == core::problem_code::database_unavailable ? exit_database_unreachable
                                                                        : exit_failure;
  }
  return done.rejected > 0 ? exit_difference_found : exit_ok;
}

class import_run {
 public:
  import_run(const import_command& command, log_access& log, progress_line& line)
      : command_(command), log_(log), line_(line) {}

  int run() {
    const auto* definition = log_.entities.find(command_.entity);
    if (definition == nullptr)
      return refuse(fmt::format("--entity: there is no {}", harmless(command_.entity)), exit_usage);
    const auto options = options_of(command_);
    if (!options) return refuse(options.error().detail, exit_usage);
    const auto& database = log_.database;
    if (!command_.dry_run)
      if (const auto safe = migrations::check_durability(database.service_conninfo); !safe)
        return report_problem(safe.error());
    const bool is_elsewhere = !command_.source_url.empty();
    if (!is_elsewhere)
      if (const auto is_one = check_owner(database); !is_one) return report_problem(is_one.error());
    auto source = projections::source_table::open(
        is_elsewhere ? command_.source_url : database.owner_conninfo, command_.table, command_.id_column);
    if (!source) return report_source(source.error());
    pg::plain_connection db(database.service_conninfo, "", "synclog import");
    if (!is_elsewhere)
      if (const auto refused = refuse_source(db, *source, *definition); !refused.empty())
        return refuse(refused);
    if (const auto refused = refuse_owner(*source); !refused.empty()) return refuse(refused);
    if (const auto proven = source->prove_key(); !proven) return report_problem(proven.error());
    const auto plan = projections::adoption_plan::make(*definition, source->columns(), *options);
    if (!plan) return refuse(plan.error().detail, exit_usage); // --map and --skip
    print_guesses(plan->guesses(source->next_page(sample_rows)));
    source->rewind();
    std::fflush(stdout);
    return adopt(*source, *plan, *definition, mode(db, *definition));
  }

 private:
  // The table as everybody calls it, however --table spelled it.
  static std::string default_actor(const projections::source_table& source) {
    return "import:" + (source.schema() == "public" ? "" : source.schema() + ".") + source.name();
  }

  // Rights in the private PostgreSQL are given in its own shell.
  int report_source(const core::problem& why) const {
    const int code = report_problem(why);
    if (why.code == core::problem_code::forbidden && log_.database.cluster && command_.source_url.empty())
      fmt::print(stderr, "  in {}\n", log_.database.cluster->urls().shell);
    return code;
  }

  static int refuse(const std::string& sentence, int code = exit_failure) {
    fmt::print(stderr, "synclog: {}\n", sentence);
    return code;
  }

  adoption_mode mode(pg::plain_connection& db, const core::entity& definition) const {
    if (!command_.dry_run) return adoption_mode::save;
    const auto made =
        db.run("SELECT EXISTS (SELECT FROM synclog.read_tables WHERE entity = $1)", {definition.name});
    return made.boolean(0, 0) ? adoption_mode::decide : adoption_mode::validate;
  }

  int adopt(projections::source_table& source, const projections::adoption_plan& plan,
            const core::entity& definition, adoption_mode mode) {
    const auto& stop = stop_signal();
    if (mode == adoption_mode::save)
      projections::prepare_read_tables(log_.database.service_conninfo, "", log_.entities);
    std::optional<eventstore::whole_file> rejects;
    if (!command_.rejects.empty()) {
      auto made = eventstore::whole_file::create(command_.rejects, eventstore::existing_file::replace,
                                                 eventstore::compression::none);
      if (!made) return report_problem(made.error());
      rejects.emplace(std::move(*made));
    }
    table_import_options options;
    options.mode = mode;
    options.actor = command_.actor.empty() ? default_actor(source) : command_.actor;
    const auto show = [this](const eventstore::verify_progress& progress) {
      line_.show(progress.stage, progress.done, progress.total);
    };
    boost::asio::io_context context(1);
    table_import work(context, log_.database, log_.entities, definition, options,
                      rejects ? &*rejects : nullptr, show, stop);
    const int code = run_context(context, work.run(source, plan), 1);
    line_.close();
    if (code != exit_ok) return code;
    if (rejects)
      if (const auto finished = rejects->finish(stop); !finished) report_problem(finished.error());
    return print_report(work.report(), command_.dry_run);
  }

  const import_command& command_;
  log_access& log_;
  progress_line& line_;
};

int run_import(const import_command& command) {
  progress_line line;
  const auto work = [&](log_access& log) { return import_run(command, log, line).run(); };
  return run_on_log(command.log, work, [&line] { line.close(); });
}

} // namespace

void add_import(CLI::App& app, run_command& chosen) {
  const auto command = std::make_shared<import_command>();
  auto* importing = app.add_subcommand(
      "import", "Adopts an ordinary table: each row becomes a record; exit 4 when rows were rejected");
  add_log_options(*importing, command->log);
  command->log.database.when_missing = pg::missing_cluster::make;
  importing->add_option("--table", command->table, "table to read, as SQL names it")->required();
  importing->add_option("--entity", command->entity, "entity whose records the rows become")->required();
  importing->add_option("--source-url", command->source_url,
                        "database that has the table (default: the log's own)");
  importing
      ->add_option("--map", command->map, "column:field, repeatable; what is not named is guessed by name")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  importing->add_option("--skip", command->skip, "column that is left out, repeatable")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  importing->add_option("--branch", command->branch, "branch of rows that have none");
  importing->add_option("--id-column", command->id_column,
                        "column that tells the rows apart (default: the primary key)");
  importing->add_option("--actor", command->actor, "who the events say it was (default: import:TABLE)");
  importing->add_option("--rejects", command->rejects, "file for the rejected rows, one JSON object a line");
  importing->add_flag("--dry-run", command->dry_run, "show the mapping and what would happen, save nothing");
  importing->callback([command, &chosen] { chosen = [command] { return run_import(*command); }; });
}

} // namespace synclog::tools
