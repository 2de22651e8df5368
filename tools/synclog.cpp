// The command line: one subcommand a file. Exit codes: 0 ok, 1 failure, 2 usage, 3 database unreachable,
// 4 a difference found.
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include <CLI/CLI.hpp>
#include <exception>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace {

// The log goes to stderr, one line an event: stdout belongs to what a command answers.
void set_up_logging() {
  auto logger = spdlog::stderr_color_mt("synclog");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

} // namespace

int main(int argc, char** argv) {
  using namespace synclog::tools;
  CLI::App app{"synclog: an event-sourced data-sync server on PostgreSQL"};
  app.set_version_flag("--version", std::string("synclog ") + SYNCLOG_VERSION);
  app.require_subcommand(1);
  app.fallthrough(false);
  app.footer("Exit codes: 0 ok, 1 failure, 2 usage, 3 database unreachable, 4 a difference found.\n"
             "Every option of a subcommand can also be set by the environment variable named beside it.");
  run_command chosen;
  add_serve(app, chosen);
  add_migrate(app, chosen);
  add_replay(app, chosen);
  add_import(app, chosen);
  add_bench(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? exit_ok : exit_usage;
  }
  set_up_logging();
  try {
    return chosen();
  } catch (const std::exception& error) {
    fmt::print(stderr, "synclog: {}\n", error.what());
    return exit_failure;
  }
}
