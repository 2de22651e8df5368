// How `synclog bench` speaks and is interrupted: reports to stdout and files, complaints to stderr. The main
// thread.
#pragma once
#include "core/problem.hpp"
#include "tools/bench_options.hpp"
#include "tools/load/load_run.hpp"
#include <cstddef>
#include <stop_token>
#include <string>
#include <thread>

namespace synclog::tools {

// While it lives SIGINT and SIGTERM end nothing but ask its token to stop; a second one is as good as the
// first. Made before other threads are started, which inherit that they do not get these signals.
class interruption {
 public:
  interruption();
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  std::stop_token token() const { return asked_.get_token(); }

 private:
  std::stop_source asked_;
  std::jthread listener_;
};

// Prints the sentence; exit_usage when the command line is wrong, else exit_failure.
int report_bench_problem(const core::problem& problem);
void report_unreachable(const bench_options& options, load::failure why);
// Why not one request succeeded.
void report_nothing(const bench_options& options, const load::load_figures& figures);
// As --json says; false, after saying so, when the file cannot be written.
bool write_report(const bench_options& options, const std::string& text, const std::string& json);

// As far as it goes; says so on stderr when that is less than `connections` need.
void raise_descriptor_limit(std::size_t connections);

} // namespace synclog::tools
