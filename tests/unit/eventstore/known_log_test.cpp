// What a committer remembers of the log, without a database.
#include "eventstore/known_log.hpp"
#include <doctest/doctest.h>
#include <string>

using namespace synclog;
using eventstore::known_log;
using eventstore::log_head;
using eventstore::short_way;

namespace {

core::entity entity_named(const std::string& name) {
  core::entity made;
  made.name = name;
  return made;
}

log_head head_at(std::int64_t position) {
  log_head made;
  made.at.position = {position};
  made.hash.fill(static_cast<unsigned char>(position));
  return made;
}

core::record_state state_of(const std::string& id, std::int64_t version, std::size_t bytes = 10) {
  return {id, version, {version}, true, std::string(bytes, 'x')};
}

} // namespace

TEST_CASE("known log: states count until somebody else has written") {
  const auto clients = entity_named("clients"), visits = entity_named("visits");
  known_log known;
  known.expect(head_at(5));
  known.put(clients, state_of("A", 1));
  known.put(clients, state_of("A", 2));
  REQUIRE(known.find(clients, "A") != nullptr);
  CHECK(known.find(clients, "A")->version == 2);
  CHECK(known.find(visits, "A") == nullptr);
  CHECK(known.find(clients, "B") == nullptr);
  known.saw(head_at(5));
  CHECK(known.find(clients, "A") != nullptr);
  known.saw(head_at(6));
  CHECK(known.find(clients, "A") == nullptr);
  CHECK(known.head() == head_at(6));
  CHECK(known.bytes() == 0);
}

TEST_CASE("known log: of thousands that come and are overwritten the last are found, and no others") {
  const auto clients = entity_named("clients");
  constexpr int records = 60'000, held = 500;
  known_log known(held * 1'000);
  const auto version_of = [](int record) { return record % 3 == 0 ? 2 : 1; };
  for (int i = 0; i < records; ++i) {
    for (int version = 1; version <= version_of(i); ++version)
      known.put(clients, state_of("R" + std::to_string(i), version, 500));
    REQUIRE(known.bytes() <= held * 1'000);
  }
  int found = 0;
  for (int i = 0; i < records; ++i) {
    const auto* one = known.find(clients, "R" + std::to_string(i));
    if (one == nullptr) {
      REQUIRE(found == 0);
      continue;
    }
    ++found;
    REQUIRE(one->id == "R" + std::to_string(i));
    REQUIRE(one->version == version_of(i));
  }
  CHECK(found > held);
  CHECK(found < 2 * held);
}

TEST_CASE("known log: after a failure nothing is known") {
  const auto clients = entity_named("clients");
  known_log known;
  known.expect(head_at(5));
  known.put(clients, state_of("A", 1));
  known.forget();
  CHECK_FALSE(known.head().has_value());
  CHECK(known.find(clients, "A") == nullptr);
}

TEST_CASE("known log: beyond its bytes the states go that were not used for longest") {
  const auto clients = entity_named("clients");
  known_log known(5'000);
  known.put(clients, state_of("A", 1, 1'000));
  known.put(clients, state_of("B", 1, 1'000));
  known.put(clients, state_of("C", 1, 1'000));
  REQUIRE(known.find(clients, "A") != nullptr);
  known.put(clients, state_of("D", 1, 1'000));
  CHECK(known.find(clients, "B") == nullptr);
  CHECK(known.find(clients, "A") != nullptr);
  CHECK(known.find(clients, "D") != nullptr);
  CHECK(known.bytes() <= 5'000);
  known.put(clients, state_of("A", 2, 10'000));
  CHECK(known.bytes() <= 5'000);
}

TEST_CASE("known log: an entity whose values no index holds is not trusted, by its name") {
  const auto clients = entity_named("clients"), same = entity_named("clients"),
             visits = entity_named("visits");
  known_log known;
  CHECK(known.trusts(clients));
  known.distrust({&clients});
  CHECK_FALSE(known.trusts(same));
  CHECK(known.trusts(visits));
}

TEST_CASE("short way: pauses double with each refusal up to a bound, and halve while it holds") {
  short_way route;
  const auto pause = [&route] {
    int batches = 0;
    while (!route.is_open())
      ++batches;
    return batches;
  };
  CHECK(pause() == 0);
  for (int expected = short_way::first_pause; expected < short_way::longest_pause; expected *= 2) {
    route.refused();
    CHECK(route.is_paused());
    CHECK(pause() == expected);
  }
  route.refused();
  CHECK(pause() == short_way::longest_pause);
  route.refused();
  CHECK(pause() == short_way::longest_pause);
  route.held();
  route.refused();
  CHECK(pause() == short_way::longest_pause / 2);
  for (int held = 0; held < 20; ++held)
    route.held();
  route.refused();
  CHECK(pause() == short_way::first_pause);
}
