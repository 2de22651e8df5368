// The list of all rows streams: reading it takes the server little memory, however long it is. tests/bench
// has the large one.
#include "fault/list_memory.hpp"
#include <doctest/doctest.h>

TEST_CASE("list: 100,000 rows are read whole while the server's memory grows by less than 32 MB") {
  using namespace synclog::tests::fault;
  constexpr std::int64_t max_growth_kb = 32 << 10;
  serving server({.program = SYNCLOG_BINARY, .arguments = {}});
  server.start();
  const auto report =
      measure_list_memory(server, {.rows = 100'000, .rows_a_bulk = 20'000, .on_progress = {}});
  MESSAGE("loaded in ", report.load_seconds, " s, read ", report.bytes_read >> 20, " MB in ",
          report.read_seconds, " s; resident ", report.before_kb, " kB before, ", report.peak_kb,
          " kB at most");
  CHECK(report.rows_read == 100'000);
  CHECK(report.growth_kb() < max_growth_kb);
  CHECK(server.stop() == 0);
}
