// synclog replay verify: proves the log and the read tables of a database, beside a running server too.
#include "core/chain.hpp"
#include "core/entity.hpp"
#include "core/json.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/verify_tables.hpp"
#include "tools/commands.hpp"
#include "tools/database_access.hpp"
#include "tools/exit_codes.hpp"
#include <CLI/CLI.hpp>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>

namespace synclog::tools {

namespace {

struct replay_options {
  database_options database;
  std::string entities_dir;
  bool json = false;
};

// A line that rewrites itself on a terminal, now and then a line of its own elsewhere.
class progress_line {
 public:
  void show(const eventstore::verify_progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5'000))) {
      return;
    }
    shown_ = now;
    const auto share = progress.total > 0 ? 100 * progress.done / progress.total : 0;
    fmt::print(stderr, "{}{}: {} of {} ({} %){}", terminal_ ? "\r\033[K" : "", progress.stage, progress.done,
               progress.total, share, terminal_ ? "" : "\n");
    open_ = terminal_;
  }
  void close() {
    if (open_) {
      fmt::print(stderr, "\r\033[K");
    }
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool open_ = false;
  std::chrono::steady_clock::time_point shown_ = std::chrono::steady_clock::now();
};

std::string to_json(const eventstore::verify_report& report) {
  namespace json = core::json;
  std::string out =
      fmt::format("{{\"ok\":{},\"events\":{},\"rows\":{},\"head\":{},\"hash\":", !report.difference,
                  report.events, report.rows, report.head.value);
  json::append_string(out, report.head_hash_hex);
  if (report.log_id) {
    out += ",\"log_id\":";
    json::append_string(out, core::to_string(*report.log_id));
  }
  out += fmt::format(",\"seconds\":{:.3f}", report.seconds);
  if (report.difference) {
    const auto& found = *report.difference;
    out += fmt::format(",\"difference\":{{\"position\":{}", found.position.value);
    const auto append = [&out](const char* name, const std::string& value) {
      if (!value.empty()) {
        out += fmt::format(",\"{}\":", name);
        json::append_string(out, value);
      }
    };
    append("kind", found.kind);
    append("detail", found.detail);
    append("entity", found.entity);
    append("id", found.record_id);
    append("field", found.field);
    append("stored", found.stored);
    append("computed", found.computed);
    out += '}';
  }
  out += '}';
  return out;
}

int run_verify(const replay_options& options) {
  auto entities = core::catalog::load(options.entities_dir);
  if (!entities) {
    return report_problem(entities.error());
  }
  auto access = open_database(options.database);
  if (!access) {
    return report_problem(access.error());
  }
  eventstore::verify_report report;
  progress_line line;
  const auto show = [&line, &options](const eventstore::verify_progress& progress) {
    if (!options.json) {
      line.show(progress);
    }
  };
  try {
    eventstore::verify_log(access->service_conninfo, report, show);
    if (!report.difference) {
      projections::verify_tables(access->service_conninfo, *entities, report, show);
    }
  } catch (const eventstore::pg::unavailable& failed) {
    line.close();
    return report_problem(core::make_problem(core::problem_code::database_unavailable, failed.what()));
  }
  line.close();
  if (options.json) {
    fmt::print("{}\n", to_json(report));
  } else if (report.difference) {
    fmt::print("{}\n", report.difference->detail);
  } else {
    fmt::print("ok: {} events, chain and read tables ({} rows) agree; head {}-{} in {:.1f} s\n",
               report.events, report.rows, report.head.value, report.head_hash_hex.substr(0, 8),
               report.seconds);
  }
  return report.difference ? exit_difference_found : exit_ok;
}

} // namespace

void add_replay(CLI::App& app, run_command& chosen) {
  auto* replay = app.add_subcommand("replay", "Audits, proves and follows the log");
  replay->require_subcommand(1);
  const auto options = std::make_shared<replay_options>();
  auto* verify = replay->add_subcommand(
      "verify",
      "Checks the hash chain, positions, versions and every read table; exit 4 names the first difference");
  add_database_options(*verify, options->database);
  verify->add_option("--entities", options->entities_dir, "folder of further entity definitions")
      ->envname("SYNCLOG_ENTITIES");
  verify->add_flag("--json", options->json, "one JSON object instead of sentences");
  verify->callback([options, &chosen] { chosen = [options] { return run_verify(*options); }; });
  add_replay_tail(*replay, chosen);
}

} // namespace synclog::tools
