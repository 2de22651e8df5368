// The command line: one subcommand a file. Exit codes: 0 ok, 1 failure, 2 usage, 3 database unreachable,
// 4 a difference found.
#include "tools/commands.hpp"
#include "tools/database_access.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_lines.hpp"
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <iostream>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace {

// The log goes to stderr, one line an event: stdout belongs to what a command answers.
void set_up_logging() {
  auto logger = spdlog::stderr_color_mt("synclog");
  logger->set_formatter(synclog::tools::make_log_formatter());
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

// A stream that was closed by the caller must not become the number of a database connection, which would
// then be sent what is printed. Writing to what takes its place fails.
void keep_standard_descriptors() {
  int opened = 0;
  do {
    opened = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) {
    ::close(opened);
  }
}

// A command whose answer came nowhere has not succeeded; what else it found stays what it found. Who has read
// enough has had an answer, so a closed pipe is none of this.
int written_out(int code) {
  using namespace synclog::tools;
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout;
  if (!failed || errno == EPIPE) {
    return code;
  }
  fmt::print(stderr, "synclog: the output could not be written: {}\n",
             errno == 0 ? "an earlier part failed" : std::strerror(errno));
  return code == exit_ok ? exit_failure : code;
}

} // namespace

int main(int argc, char** argv) {
  using namespace synclog::tools;
  keep_standard_descriptors();
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
  add_token(app, chosen);
  add_bench(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 misses the subcommand before it sees the word that is none.
    const auto words = app.remaining(true);
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !words.empty() &&
        !words.front().starts_with('-')) {
      fmt::print(stderr, "synclog: there is no subcommand {}; --help lists them\n", harmless(words.front()));
      return exit_usage;
    }
    const int code = app.exit(error); // the help goes to std::cout
    return written_out(code == 0 ? exit_ok : exit_usage);
  }
  set_up_logging();
  try {
    return written_out(chosen());
  } catch (const synclog::eventstore::pg::query_failed& failed) {
    return report_problem(problem_of(failed));
  } catch (const std::exception& error) {
    fmt::print(stderr, "synclog: {}\n", harmless_lines(error.what()));
    return exit_failure;
  }
}
