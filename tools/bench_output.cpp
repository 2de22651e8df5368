// See bench_output.hpp.
#include "tools/bench_output.hpp"

#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <sys/resource.h>

namespace synclog::tools {

namespace {

constexpr std::size_t other_descriptors = 64;
constexpr long look_ns = 50'000'000; // how long the listener's end may take

sigset_t ending_signals() {
  sigset_t made{};
  sigemptyset(&made);
  sigaddset(&made, SIGINT);
  sigaddset(&made, SIGTERM);
  return made;
}

} // namespace

interruption::interruption() {
  const auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  listener_ = std::jthread([this](const std::stop_token& ended) {
    const auto awaited = ending_signals();
    const timespec patience{0, look_ns};
    while (!ended.stop_requested())
      if (sigtimedwait(&awaited, nullptr, &patience) > 0) asked_.request_stop();
  });
}

interruption::~interruption() {
  listener_.request_stop();
  listener_.join();
  const auto signals = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int report_bench_problem(const core::problem& problem) {
  fmt::print(stderr, "synclog: bench: {}\n", harmless(problem.detail));
  const bool usage =
      problem.code == core::problem_code::bad_request || problem.code == core::problem_code::forbidden;
  return usage ? exit_usage : exit_failure;
}

void report_unreachable(const bench_options& options, load::failure why) {
  const auto words = why == load::failure::connect_refused   ? "nobody listens there (connection refused)"
                     : why == load::failure::connect_timeout ? "no connection within --timeout"
                                                             : "no connection comes about";
  fmt::print(stderr, "synclog: bench: {}: {}\n", options.url, words);
}

void report_nothing(const bench_options& options, const load::load_figures& figures) {
  const auto total = figures.total();
  if (total.errors() > 0)
    fmt::print(stderr, "synclog: bench: {}: not one request succeeded; {} errors, the first: {}\n",
               options.url, total.errors(), harmless(total.first_error()));
  else if (total.late > 0)
    fmt::print(
        stderr,
        "synclog: bench: {}: too slow: no answer within the {:.1f} s measured, {} afterwards; a longer "
        "--duration measures it\n",
        options.url, figures.time.seconds, total.late);
  else
    fmt::print(stderr, "synclog: bench: {}: nothing was measured{}\n", options.url,
               figures.time.interrupted ? ": interrupted too early" : "");
}

bool write_report(const bench_options& options, const std::string& text, const std::string& json) {
  if (!options.json || !options.json_file.empty()) fmt::print("{}", text);
  if (options.json && options.json_file.empty()) fmt::print("{}\n", json);
  if (std::fflush(stdout) != 0) {
    fmt::print(stderr, "synclog: bench: the report cannot be written to stdout\n");
    return false;
  }
  if (!options.json || options.json_file.empty()) return true;
  std::ofstream out(options.json_file, std::ios::binary);
  out << json << '\n';
  if (out.flush()) return true;
  fmt::print(stderr, "synclog: bench: --json: cannot write {}\n", options.json_file);
  return false;
}

void raise_descriptor_limit(std::size_t connections) {
  rlimit bound{};
  getrlimit(RLIMIT_NOFILE, &bound);
  bound.rlim_cur = bound.rlim_max;
  setrlimit(RLIMIT_NOFILE, &bound);
  if (bound.rlim_max < connections + other_descriptors)
    fmt::print(stderr,
               "synclog: bench: {} connections need {} descriptors and {} are allowed: raise `ulimit -n`\n",
               connections, connections + other_descriptors, bound.rlim_max);
}

} // namespace synclog::tools
