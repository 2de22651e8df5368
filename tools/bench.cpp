// synclog bench: load for a server anywhere, and what it did with it.
#include "tools/bench_options.hpp"
#include "tools/bench_output.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/load/load_run.hpp"
#include "tools/load/report.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

constexpr const char* places = "Places in paths, headers and --body-template that each request fills anew: "
                               "{uuid} a fresh UUIDv7, {unique} 16 hex "
                               "digits,\n{number} 10 random digits, {branch} one of --branches, {sent} "
                               "nanoseconds when it was made, {id} (paths and "
                               "headers) of a record that is there.\nCtrl-C ends early with the figures so "
                               "far. Exit codes: 0 something succeeded, "
                               "1 nothing did, 2 usage.";

int run_requests(const bench_options& options) {
  const auto plan = make_plan(options);
  if (!plan) return report_bench_problem(plan.error());
  raise_descriptor_limit(plan->connections);
  const interruption ctrl_c;
  const auto figures = load::run_load(*plan, context_of(options).times, ctrl_c.token());
  if (figures.unreachable) report_unreachable(options, *figures.unreachable);
  const auto context = context_of(options);
  if (!write_report(options, load::text_report(context, *plan, figures),
                    load::json_report(context, *plan, figures)))
    return exit_failure;
  const auto total = figures.total();
  if (total.succeeded() > 0) return exit_ok;
  if (!figures.unreachable) report_nothing(options, figures);
  return exit_failure;
}

void add_requests(CLI::App& bench, run_command& chosen, bench_mode mode, const char* words) {
  const auto options = std::make_shared<bench_options>();
  options->mode = mode;
  auto* added = bench.add_subcommand(std::string(to_string(mode)), words);
  add_common_bench_options(*added, *options);
  add_request_options(*added, *options);
  added->footer(places);
  added->callback([options, &chosen] { chosen = [options] { return run_requests(*options); }; });
}

} // namespace

void add_bench(CLI::App& app, run_command& chosen) {
  auto* bench =
      app.add_subcommand("bench", "Loads a server, this one's kind or another, and says what it did with it");
  bench->require_subcommand(1);
  add_requests(*bench, chosen, bench_mode::write, "POSTs one record at a time");
  add_requests(*bench, chosen, bench_mode::bulk, "POSTs many records at a time");
  add_requests(*bench, chosen, bench_mode::read, "GETs single records by id");
  add_requests(*bench, chosen, bench_mode::list, "GETs lists of one branch's records");
  add_requests(*bench, chosen, bench_mode::mixed, "Several of these at once, by weight");
  add_bench_stream(*bench, chosen);
}

} // namespace synclog::tools
