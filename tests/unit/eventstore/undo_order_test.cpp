// The order in which records get unique values back: no value stands twice on the way, and nobody gives up
// more than it must. SYNCLOG_TEST_SEED=s repeats a run.
#include "eventstore/undo_order.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace synclog::eventstore;
using kind = undo_step::kind;

namespace {

std::uint64_t chosen_seed() {
  const char* const given = std::getenv("SYNCLOG_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

using groups = std::vector<std::vector<undo_step>>;

// Takes the steps one by one; returns how many records gave up their values first.
std::size_t check_steps(const std::vector<value_exchange>& records, const groups& order) {
  std::map<std::string, std::size_t> held;
  for (std::size_t index = 0; index < records.size(); ++index)
    for (const auto& value : records[index].gives)
      held[value] = index;
  std::set<std::size_t> restored, cleared;
  for (const auto& group : order) {
    std::size_t ended = 0;
    for (const auto& [record, what] : group) {
      for (const auto& value : records[record].gives)
        if (!cleared.contains(record)) held.erase(value);
      if (what == kind::clear) {
        CHECK(cleared.insert(record).second);
        continue;
      }
      for (const auto& value : records[record].wants)
        CHECK(held.emplace(value, record).second);
      CHECK(restored.insert(record).second);
      ++ended;
    }
    // Nothing is left half done behind a group.
    for (const auto& step : group)
      CHECK(restored.contains(step.record));
    CHECK(ended == group.size() - static_cast<std::size_t>(
                                      std::count_if(group.begin(), group.end(), [](const undo_step& step) {
                                        return step.what == kind::clear;
                                      })));
  }
  CHECK(restored.size() == records.size());
  return cleared.size();
}

} // namespace

TEST_CASE("undo order: whom one waits for comes first, each by itself") {
  // 0 waits for 1, 1 for 2; 3 for nobody here.
  const std::vector<value_exchange> records{{{"a"}, {"b"}}, {{"b"}, {"c"}}, {{"c"}, {"d"}}, {{}, {"x"}}};
  const auto order = undo_order(records);
  CHECK(order ==
        groups{{{2, kind::restore}}, {{1, kind::restore}}, {{0, kind::restore}}, {{3, kind::restore}}});
  CHECK(undo_order({}).empty());
}

TEST_CASE("undo order: two that exchanged values are one group, and one of them gives its up first") {
  const std::vector<value_exchange> records{{{"a"}, {"b"}}, {{"b"}, {"a"}}};
  CHECK(undo_order(records) == groups{{{0, kind::clear}, {1, kind::restore}, {0, kind::restore}}});
}

TEST_CASE("undo order: who waits for a circle from outside is no part of it") {
  const std::vector<value_exchange> records{
      {{"o"}, {"p"}}, {{"a", "p"}, {"b"}}, {{"b"}, {"c"}}, {{"c"}, {"x"}}, {{"x"}, {"q"}}};
  CHECK(check_steps(records, undo_order(records)) == 0);
  auto circle = records;
  circle[2].wants = {"a"};
  const auto order = undo_order(circle);
  CHECK(check_steps(circle, order) == 1);
  CHECK(std::count_if(order.begin(), order.end(), [](const auto& group) { return group.size() > 1; }) == 1);
}

TEST_CASE("undo order: values handed round at random come back, one giving up for each simple circle") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    // Of each of two fields a permutation: record i holds the value of another one.
    const std::size_t count = 1 + random() % 40, fields = 1 + random() % 2;
    std::vector<value_exchange> records(count);
    std::size_t circles = 0;
    for (std::size_t field = 0; field < fields; ++field) {
      std::vector<std::size_t> holder(count);
      std::iota(holder.begin(), holder.end(), 0);
      std::shuffle(holder.begin(), holder.end(), random);
      std::vector<bool> seen(count);
      for (std::size_t index = 0; index < count; ++index) {
        if (holder[index] == index) continue;
        const auto value = [field](std::size_t of) {
          return std::to_string(field) + ":" + std::to_string(of);
        };
        records[holder[index]].gives.push_back(value(index));
        records[index].wants.push_back(value(index));
        if (seen[index]) continue;
        ++circles;
        for (auto at = index; !seen[at]; at = holder[at])
          seen[at] = true;
      }
    }
    const auto cleared = check_steps(records, undo_order(records));
    if (fields == 1)
      CHECK(cleared == circles);
    else
      CHECK(cleared <= count);
  }
}

TEST_CASE("undo order: a chain of a hundred thousand is no recursion") {
  std::vector<value_exchange> records(100'000);
  for (std::size_t index = 0; index < records.size(); ++index)
    records[index] = {{std::to_string(index)}, {std::to_string(index + 1)}};
  const auto order = undo_order(records);
  CHECK(order.size() == records.size());
  CHECK(order.front().front().record == records.size() - 1);
  CHECK(order.back().front().record == 0);
}
