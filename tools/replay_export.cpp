// synclog replay export: the log as a file of lines, verified on the way.
#include "eventstore/log_export.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/stop_signal.hpp"
#include "tools/whole_number.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct export_command {
  log_options log;
  std::string file;
  std::int64_t from = 1;
  std::int64_t to = 0; // 0: the head
  bool gzip = false;
  bool force = false;
};

int report_stop() {
  fmt::print(stderr, "synclog: stopped; no file was written\n");
  return exit_failure;
}

int run_export(const export_command& command) {
  const auto& stop = stop_signal();
  progress_line line;
  const auto work = [&](log_access& log) -> int {
    auto out = eventstore::whole_file::create(
        command.file, command.force ? eventstore::existing_file::replace : eventstore::existing_file::keep,
        command.gzip ? eventstore::compression::gzip : eventstore::compression::none);
    if (!out) return report_problem(out.error());
    eventstore::export_options options;
    options.from = {command.from};
    if (command.to > 0) options.to = core::position{command.to};
    const auto show = [&line](const eventstore::verify_progress& progress) {
      line.show(progress.stage, progress.done, progress.total);
    };
    const auto done = eventstore::export_log(log.database.service_conninfo, "", options, *out, show, stop);
    line.close();
    if (!done)
      return done.error().code == core::problem_code::draining ? report_stop() : report_problem(done.error());
    if (done->difference) {
      fmt::print(stderr, "{}\nsynclog: the log does not verify; no file was written\n",
                 done->difference->detail);
      return exit_difference_found;
    }
    if (const auto finished = out->finish(stop); !finished)
      return finished.error().code == core::problem_code::draining ? report_stop()
                                                                   : report_problem(finished.error());
    fmt::print(stderr, "exported {} events, positions {} to {}, {} bytes; head {}-{}\n", done->events,
               done->after.value + (done->events > 0 ? 1 : 0), done->head.value, out->bytes(),
               done->head.value, done->head_hash_hex.substr(0, 8));
    return exit_ok;
  };
  return run_on_log(command.log, work, [&line] { line.close(); });
}

} // namespace

void add_replay_export(CLI::App& replay, run_command& chosen) {
  const auto command = std::make_shared<export_command>();
  auto* exporting = replay.add_subcommand(
      "export", "Writes the log as lines of JSON, verified on the way; exit 4 when it does not verify");
  add_log_options(*exporting, command->log);
  exporting->add_option("file", command->file, "file to write; - is standard output")->required();
  exporting->add_option("--from", command->from, "first position (default: 1)")->check(whole_number(1));
  exporting->add_option("--to", command->to, "last position (default: the head)")->check(whole_number(1));
  exporting->add_flag("--gzip", command->gzip, "compress it");
  exporting->add_flag("--force", command->force, "replace the file when it exists");
  exporting->callback([command, &chosen] { chosen = [command] { return run_export(*command); }; });
}

} // namespace synclog::tools
