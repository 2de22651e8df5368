// GET of all distributors, a million by default: how much the server's resident memory grows while the list
// streams. Exits 1 when it is more than --limit-mb.
#include "bench/options.hpp"
#include "fault/list_memory.hpp"
#include "fault/serving.hpp"
#include <exception>
#include <fmt/format.h>
#include <unistd.h>

namespace {

using namespace synclog::tests;

int measure(const bench::options& given) {
  fault::serving server({.program = given.text("synclog"), .arguments = {}});
  server.start();
  fault::list_memory_options options;
  options.rows = static_cast<std::uint64_t>(given.number("rows"));
  if (isatty(STDERR_FILENO) == 1) {
    options.on_progress = [&](std::uint64_t loaded) {
      fmt::print(stderr, "\rloaded {} of {}", loaded, options.rows);
    };
  }
  const auto report = fault::measure_list_memory(server, options);
  if (options.on_progress) fmt::print(stderr, "\r\033[K");
  fmt::print("loaded {} records by bulk POST in {:.1f} s ({:.0f}/s)\n", options.rows, report.load_seconds,
             static_cast<double>(options.rows) / report.load_seconds);
  fmt::print("read {} records, {:.1f} MB, in {:.1f} s ({:.0f}/s)\n", report.rows_read,
             static_cast<double>(report.bytes_read) / 1e6, report.read_seconds,
             static_cast<double>(report.rows_read) / report.read_seconds);
  fmt::print("resident memory: {:.1f} MB before, {:.1f} MB at most, grew by {:.1f} MB (limit {} MB)\n",
             static_cast<double>(report.before_kb) / 1024, static_cast<double>(report.peak_kb) / 1024,
             static_cast<double>(report.growth_kb()) / 1024, given.number("limit-mb"));
  const bool fits = report.growth_kb() < given.number("limit-mb") * 1024 && report.rows_read == options.rows;
  fmt::print("{}\n", fits ? "ok" : "FAILED");
  return server.stop() == 0 && fits ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv,
                             {{"synclog", SYNCLOG_BINARY}, {"rows", "1000000"}, {"limit-mb", "32"}});
  try {
    return measure(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_list_memory: {}\n", failed.what());
    return 1;
  }
}
