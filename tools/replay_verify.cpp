// synclog replay verify: proves the log and the read tables of a database, beside a running server too.
#include "core/chain.hpp"
#include "core/json.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/verify_tables.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct verify_options {
  log_options log;
  bool json = false;
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

int run_verify(const verify_options& options) {
  progress_line line;
  const auto work = [&options, &line](log_access& log) {
    eventstore::verify_report report;
    const auto show = [&line, &options](const eventstore::verify_progress& progress) {
      if (!options.json) {
        line.show(progress.stage, progress.done, progress.total);
      }
    };
    eventstore::verify_log(log.database.service_conninfo, report, show);
    if (!report.difference) {
      projections::verify_tables(log.database.service_conninfo, log.entities, report, show);
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
    return static_cast<int>(report.difference ? exit_difference_found : exit_ok);
  };
  return run_on_log(options.log, work, [&line] { line.close(); });
}

} // namespace

void add_replay_verify(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<verify_options>();
  auto* verify = replay.add_subcommand(
      "verify",
      "Checks the hash chain, positions, versions and every read table; exit 4 names the first difference");
  add_log_options(*verify, options->log);
  verify->add_flag("--json", options->json, "one JSON object instead of sentences");
  verify->callback([options, &chosen] { chosen = [options] { return run_verify(*options); }; });
}

} // namespace synclog::tools
