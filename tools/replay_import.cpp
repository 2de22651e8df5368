// synclog replay import: an exported log into an empty one, or behind a beginning of the same history.
#include "eventstore/log_import.hpp"
#include "migrations/runner.hpp"
#include "projections/behind_tables.hpp"
#include "projections/read_table.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/import_rebuilds.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/stop_signal.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>

namespace synclog::tools {

namespace {

struct import_command {
  log_options log;
  std::string file;
  bool dry_run = false;
  bool accept_future_times = false;
};

// The chain cannot tell the two apart, and only one of them is lawful.
void print_without_data(const eventstore::import_report& done) {
  if (done.without_data > 0)
    fmt::print("{} events are without their data: erased, or cut out of the file\n", done.without_data);
}

void print_end(const eventstore::import_report& done) {
  if (done.head.value == 0)
    fmt::print("the log is empty\n");
  else
    fmt::print("the log ends at {}-{}\n", done.head.value, done.head_hash_hex.substr(0, 8));
}

int print_refusal(const eventstore::import_report& done, bool dry_run) {
  const bool stopped = done.refused->code == core::problem_code::draining;
  fmt::print(stderr, "synclog: {}\n", stopped ? "stopped" : done.refused->detail);
  if (!dry_run && done.saved > 0)
    fmt::print("saved {} events before that; the same command with a whole file goes on behind them\n",
               done.saved);
  print_without_data(done);
  print_end(done);
  return done.refused->code == core::problem_code::malformed ? exit_difference_found : exit_failure;
}

void print_done(const eventstore::import_report& done, bool dry_run) {
  if (done.adopted) fmt::print("this log is {} now\n", core::to_string(done.log_id));
  fmt::print("{} {} events; {} were there already\n", dry_run ? "would save" : "saved", done.saved,
             done.compared);
  print_without_data(done);
  if (done.outgrown > 0)
    fmt::print("{} of them hold values of an earlier definition: they {} in the log as they are\n",
               done.outgrown, dry_run ? "would stand" : "stand");
  if (dry_run && !done.behind.empty()) {
    std::vector<std::string_view> names;
    for (const auto* definition : done.behind)
      names.push_back(definition->table);
    std::sort(names.begin(), names.end());
    fmt::print("read tables that would be rebuilt at the end: {}\n", fmt::join(names, ", "));
  }
  if (done.versions_unchecked)
    fmt::print("not checked: the versions of later records; there are too many for a dry run\n");
  print_end(done);
}

class import_run {
 public:
  import_run(const import_command& command, log_access& log, progress_line& line,
             const std::atomic<bool>& stop)
      : command_(command), log_(log), line_(line), stop_(stop) {}

  int run(eventstore::line_source& lines) {
    const auto& database = log_.database;
    projections::import_tables prepared;
    if (!command_.dry_run) {
      if (const auto safe = migrations::check_durability(database.service_conninfo); !safe)
        return report_problem(safe.error());
      prepared = projections::prepare_import(database.service_conninfo, "", log_.entities);
    }
    const projections::read_tables tables(log_.entities);
    const auto owner = [&database] { return open_owner(database, "synclog replay import"); };
    eventstore::import_target target{database.service_conninfo, "", log_.entities, tables, owner};
    target.fall_behind = projections::leave_behind;
    target.behind = prepared.behind;
    if (command_.accept_future_times) target.future = eventstore::future_times::accept;
    const auto show = [this](const eventstore::verify_progress& progress) {
      line_.show(progress.stage, progress.done, progress.total);
    };
    const auto done = eventstore::import_log(
        target, lines, command_.dry_run ? eventstore::import_mode::dry_run : eventstore::import_mode::save,
        show, stop_);
    line_.close();
    int code = exit_ok;
    if (done.refused)
      code = print_refusal(done, command_.dry_run);
    else
      print_done(done, command_.dry_run);
    std::fflush(stdout);
    if (command_.dry_run) return code;
    auto left = std::move(prepared.pending);
    left.insert(left.end(), done.behind.begin(), done.behind.end());
    const bool whole = rebuild_after_import(database, std::move(left), line_, stop_);
    return code == exit_ok && !whole ? exit_failure : code;
  }

 private:
  const import_command& command_;
  log_access& log_;
  progress_line& line_;
  const std::atomic<bool>& stop_;
};

int run_import(const import_command& command) {
  const auto& stop = stop_signal();
  progress_line line;
  const auto work = [&](log_access& log) -> int {
    auto lines = eventstore::line_source::open(command.file);
    if (!lines) {
      report_problem(lines.error());
      return exit_usage; // as for every file that an option names
    }
    return import_run(command, log, line, stop).run(*lines);
  };
  return run_on_log(command.log, work, [&line] { line.close(); });
}

} // namespace

void add_replay_import(CLI::App& replay, run_command& chosen) {
  const auto command = std::make_shared<import_command>();
  auto* importing = replay.add_subcommand(
      "import", "Reads an exported log into an empty one, or goes on behind what is there of it; exit 4 when "
                "the file is not a whole, unchanged export of this log");
  add_log_options(*importing, command->log);
  command->log.database.when_missing = eventstore::pg::missing_cluster::make;
  importing->add_option("file", command->file, "file to read, compressed or not; - is standard input")
      ->required();
  importing->add_flag("--dry-run", command->dry_run, "check everything, save nothing");
  importing->add_flag("--accept-future-times", command->accept_future_times,
                      "also events recorded later than this machine's clock says; what is written next gets "
                      "their time");
  importing->callback([command, &chosen] { chosen = [command] { return run_import(*command); }; });
}

} // namespace synclog::tools
