// synclog replay import: an exported log into an empty one, or behind a beginning of the same history.
#include "eventstore/log_import.hpp"
#include "projections/read_table.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/stop_signal.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct import_command {
  log_options log;
  std::string file;
  bool dry_run = false;
};

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
  print_end(done);
  return done.refused->code == core::problem_code::malformed ? exit_difference_found : exit_failure;
}

int run_import(const import_command& command) {
  const auto& stop = stop_signal();
  progress_line line;
  const auto work = [&](log_access& log) -> int {
    auto lines = eventstore::line_source::open(command.file);
    if (!lines) return report_problem(lines.error());
    const auto& database = log.database;
    if (!command.dry_run)
      projections::prepare_read_tables(database.service_conninfo, database.service_role, log.entities);
    const projections::read_tables tables(log.entities);
    const auto show = [&line](const eventstore::verify_progress& progress) {
      line.show(progress.stage, progress.done, progress.total);
    };
    const auto done = eventstore::import_log(
        {database.service_conninfo, database.service_role, log.entities, tables}, *lines,
        command.dry_run ? eventstore::import_mode::dry_run : eventstore::import_mode::save, show, stop);
    line.close();
    if (done.refused) return print_refusal(done, command.dry_run);
    if (done.adopted) fmt::print("this log is {} now\n", core::to_string(done.log_id));
    fmt::print("{} {} events; {} were there already\n", command.dry_run ? "would save" : "saved", done.saved,
               done.compared);
    if (done.versions_unchecked)
      fmt::print("not checked: the versions of later records; there are too many for a dry run\n");
    print_end(done);
    return exit_ok;
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
  importing->callback([command, &chosen] { chosen = [command] { return run_import(*command); }; });
}

} // namespace synclog::tools
