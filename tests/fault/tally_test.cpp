// The numbers of a report, and what an old backup takes away.
#include "fault/tally.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

namespace {

using namespace synclog::tests::fault;

operation acknowledged(const std::string& key, std::size_t records) {
  operation made{key, op_kind::lenient_bulk, "clients", 0, records, {}};
  attempt told;
  told.status = 200;
  for (std::size_t i = 0; i < records; ++i)
    told.effects.push_back({fmt::format("{}-{}", key, i), 1, 0});
  made.attempts.push_back(told);
  return made;
}

void log_it(std::vector<logged_event>& log, const std::string& key, std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) {
    const auto position = static_cast<std::int64_t>(log.size()) + 1;
    log.push_back({position, "clients", "id", 1, "created", key, fmt::format("{}-abcd", position), true});
  }
}

} // namespace

TEST_CASE("tally: records that are missing are lost, events too many are doubled") {
  std::vector<logged_event> log;
  log_it(log, "whole", 3);
  log_it(log, "short", 1);
  log_it(log, "twice", 2);
  const auto sum = count({acknowledged("whole", 3), acknowledged("short", 3), acknowledged("twice", 1)}, log);
  CHECK(sum.acknowledged == 3);
  CHECK(sum.lost == 2);
  CHECK(sum.doubled == 1);
}

TEST_CASE("tally: an unanswered write is settled by its retry, or is there or not") {
  std::vector<logged_event> log;
  log_it(log, "retried", 1);
  log_it(log, "there", 1);
  auto retried = acknowledged("retried", 1);
  retried.attempts.insert(retried.attempts.begin(), attempt{});
  const operation there{"there", op_kind::create, "clients", 0, 1, {attempt{}}};
  const operation absent{"absent", op_kind::create, "clients", 0, 1, {attempt{}}};
  const auto sum = count({retried, there, absent}, log);
  CHECK(sum.settled_by_retry == 1);
  CHECK(sum.unknown_there == 1);
  CHECK(sum.unknown_absent == 1);
  CHECK(sum.unanswered_attempts == 3);
  CHECK(sum.lost + sum.doubled == 0);
}

TEST_CASE("tally: an old backup takes away what lies beyond it, and nothing else") {
  std::vector<logged_event> log;
  log_it(log, "before", 2);
  log_it(log, "beyond", 1);
  attempt told;
  told.status = 422;
  const operation refused{"refused", op_kind::bad_create, "clients", 0, 0, {told}};
  std::size_t cut = 0;
  const auto kept = without_cut({acknowledged("before", 2), acknowledged("beyond", 1), refused}, log, 2, cut);
  CHECK(cut == 1);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].key == "before");
  CHECK(kept[1].key == "refused");
}
