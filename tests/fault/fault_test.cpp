// The server and PostgreSQL are killed under load, and afterwards I1 to I9 hold. Two short runs by default;
// SYNCLOG_TEST_LONG=1 makes ten longer ones with other seeds, SYNCLOG_FAULT_SEEDS=n changes their number,
// SYNCLOG_FAULT_SEED=s runs that seed alone, SYNCLOG_FAULT_BACK_SECONDS=n allows more than ten on a busy
// machine, SYNCLOG_FAULT_HISTORY=file keeps what every client was told.
#include "fault/schedule.hpp"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>
#include <string>

namespace {

using namespace synclog::tests::fault;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_long() {
  return !setting("SYNCLOG_TEST_LONG").empty() && setting("SYNCLOG_TEST_LONG") != "0";
}

std::vector<std::uint64_t> seeds() {
  if (const auto one = setting("SYNCLOG_FAULT_SEED"); !one.empty())
    return {std::strtoull(one.c_str(), nullptr, 10)};
  std::size_t count = is_long() ? 10 : 2;
  if (const auto wanted = setting("SYNCLOG_FAULT_SEEDS"); !wanted.empty())
    count = std::strtoull(wanted.c_str(), nullptr, 10);
  if (!is_long()) {
    std::vector<std::uint64_t> fixed;
    for (std::uint64_t seed = 1; seed <= count; ++seed)
      fixed.push_back(seed);
    return fixed;
  }
  // Others each time: a long run looks for what the last one did not see.
  std::vector<std::uint64_t> fresh;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto base =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()) % 1'000'000;
  for (std::uint64_t index = 0; index < count; ++index)
    fresh.push_back(base * 100 + index);
  return fresh;
}

} // namespace

TEST_CASE(
    "fault: every acknowledged write survives kills of the server and of PostgreSQL, once and in order") {
  std::size_t number = 0;
  for (const std::uint64_t seed : seeds()) {
    run_options options;
    options.program = SYNCLOG_BINARY;
    options.seed = seed;
    options.faults = faults_of(seed, is_long() ? 6 : 3);
    options.open_snapshot = number++ % 2 == 1;
    if (const auto allowed = setting("SYNCLOG_FAULT_BACK_SECONDS"); !allowed.empty())
      options.back_within = std::chrono::seconds(std::atoi(allowed.c_str()));
    options.history_path = setting("SYNCLOG_FAULT_HISTORY");
    const auto again = fmt::format("seed {}; repeat with {}SYNCLOG_FAULT_SEED={} and this test", seed,
                                   is_long() ? "SYNCLOG_TEST_LONG=1 " : "", seed);
    CAPTURE(again);
    const auto report = run_schedule(options);
    MESSAGE("seed ", seed, ": ", report.summary());
    for (const std::string& sentence : report.problems)
      FAIL_CHECK(sentence);
    // A run that saw nothing proves nothing.
    CHECK(report.counts.acknowledged > 300);
    CHECK(report.counts.unanswered_attempts > 0);
    CHECK(report.counts.replayed > 0);
    CHECK(report.counts.refused > 0);
  }
}

TEST_CASE("fault: the faults of a seed are the same every time, and include the server and the database") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto made = faults_of(seed, 3);
    CHECK(made == faults_of(seed, 3));
    const std::set<fault_kind> kinds(made.begin(), made.end());
    CHECK(kinds.contains(fault_kind::server));
    CHECK(kinds.contains(fault_kind::database));
  }
}

TEST_CASE("fault: a long schedule of a seed is the same every time, and leaves out no kind") {
  for (const auto where : {site_kind::supervised, site_kind::networked}) {
    std::size_t possible = 0;
    for (std::size_t number = 0; number < fault_kinds; ++number)
      possible += why_not(static_cast<fault_kind>(number), where).empty() ? 1 : 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const auto made = all_faults_of(seed, static_cast<int>(possible) + 8, where);
      CHECK(made == all_faults_of(seed, static_cast<int>(possible) + 8, where));
      CHECK(std::set<fault_kind>(made.begin(), made.end()).size() == possible);
      CHECK(std::count(made.begin(), made.end(), fault_kind::old_backup) <= 1);
    }
  }
}
