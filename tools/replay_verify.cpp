// synclog replay verify: proves the log and the read tables of a database, beside a running server too.
#include "eventstore/checkpoint_log.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/verify_tables.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/verify_words.hpp"
#include "tools/whole_number.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct verify_arguments {
  log_options log;
  std::int64_t from = 0, to = 0; // 0 = not given
  std::string since, public_key;
  bool log_only = false, tables_only = false;
  unsigned jobs = eventstore::default_verify_jobs();
  bool json = false;
};

// What the arguments come to; a problem when they cannot be used.
core::result<verify_scope> scope_of(const verify_arguments& given) {
  verify_scope scope;
  if (!given.since.empty()) {
    auto loaded = load_checkpoint(given.since, given.public_key);
    if (!loaded) {
      return loaded.error();
    }
    scope.since = given.since;
    scope.checkpoint = std::move(*loaded);
    scope.from = scope.checkpoint->about.position.next();
  }
  if (given.from > 0) {
    scope.from = {given.from};
  }
  if (given.to > 0) {
    scope.to = core::position{given.to};
    if (*scope.to < scope.from) {
      return core::make_problem(
          core::problem_code::bad_request,
          fmt::format("the range ends at {}, before it begins at {}", given.to, scope.from.value));
    }
  }
  scope.log = !given.tables_only;
  // Read tables are the fold of the whole log: a range says nothing about them.
  scope.tables = !given.log_only && given.from == 0 && given.to == 0;
  return scope;
}

eventstore::verify_report verify(const std::string& conninfo, const core::catalog& entities,
                                 const verify_scope& scope, unsigned jobs,
                                 const eventstore::progress_callback& show) {
  eventstore::verify_report report;
  if (scope.checkpoint) {
    report.difference = eventstore::differs_from(conninfo, scope.checkpoint->about);
  }
  if (scope.log && !report.difference) {
    eventstore::verify_options how;
    how.from = scope.from;
    how.to = scope.to;
    how.jobs = jobs;
    if (scope.checkpoint && scope.from == scope.checkpoint->about.position.next()) {
      how.known_hash = scope.checkpoint->about.hash;
    }
    eventstore::verify_log(conninfo, report, show, how);
  }
  if (scope.tables && !report.difference) {
    projections::verify_tables(conninfo, entities, report, show, jobs);
  }
  return report;
}

int answer(const eventstore::verify_report& report, const verify_scope& scope, bool json) {
  fmt::print("{}", json ? verify_json(report, scope) + "\n" : verify_text(report, scope));
  return report.difference ? exit_difference_found : exit_ok;
}

int run_verify(const verify_arguments& given) {
  const auto scope = scope_of(given);
  if (!scope) {
    report_problem(scope.error());
    return exit_usage;
  }
  if (scope->checkpoint && scope->checkpoint->forged) {
    eventstore::verify_report report;
    report.difference = scope->checkpoint->forged;
    return answer(report, *scope, given.json);
  }
  progress_line line;
  const auto show = [&line, &given](const eventstore::verify_progress& progress) {
    if (!given.json) {
      line.show(progress.stage, progress.done, progress.total);
    }
  };
  const auto work = [&given, &scope, &line, &show](log_access& log) {
    const auto report = verify(log.database.service_conninfo, log.entities, *scope, given.jobs, show);
    line.close();
    return answer(report, *scope, given.json);
  };
  return run_on_log(given.log, work, [&line] { line.close(); });
}

} // namespace

void add_replay_verify(CLI::App& replay, run_command& chosen) {
  const auto given = std::make_shared<verify_arguments>();
  auto* verify = replay.add_subcommand(
      "verify",
      "Checks the hash chain, positions, versions and every read table; exit 4 names the first difference");
  add_log_options(*verify, given->log);
  const auto positions = whole_number(1);
  verify
      ->add_option("--from", given->from,
                   "first position; what is before it is taken as it stands (log only)")
      ->check(positions);
  verify->add_option("--to", given->to, "last position, instead of the head (log only)")->check(positions);
  auto* since = verify->add_option(
      "--since", given->since, "a checkpoint's file: the log must extend it, and is verified from there on");
  verify->add_option("--public-key", given->public_key, "PEM file: whose signature the checkpoint must have")
      ->needs(since);
  auto* log_only = verify->add_flag("--log-only", given->log_only, "leaves out the read tables");
  verify->add_flag("--tables-only", given->tables_only, "leaves out the log's own chain")
      ->excludes(log_only)
      ->excludes("--from")
      ->excludes("--to")
      ->excludes(since);
  verify->add_option("--jobs", given->jobs, "connections at a time (default: the processor's cores)")
      ->check(CLI::Range(1u, eventstore::most_verify_jobs));
  verify->add_flag("--json", given->json, "one JSON object instead of sentences");
  verify->callback([given, &chosen] { chosen = [given] { return run_verify(*given); }; });
}

} // namespace synclog::tools
