// Whatever is done to a log is found, and named by its place; what the law wants erased is not.
#include "core/chain.hpp"
#include "eventstore/checkpoint_log.hpp"
#include "tampered_log.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <random>
#include <set>
#include <vector>

using namespace synclog;
using namespace synclog::tests;

namespace {

struct tampering {
  std::string statements;
  std::string verdict;
};

void check_each(const std::vector<tampering>& all) {
  for (const auto& [statements, expected] : all) {
    CAPTURE(statements);
    const auto copy = tampered(statements);
    CHECK(verdict(copy) == expected);
    test_cluster::shared().drop_database(copy);
  }
}

std::string set(const std::string& assignment, std::int64_t position) {
  return fmt::format("UPDATE synclog.events AS e SET {} WHERE position = {}", assignment, position);
}

std::string drop(const std::string& constraint) {
  return "ALTER TABLE synclog.events DROP CONSTRAINT " + constraint + "; ";
}

const std::string move_up = "UPDATE synclog.events SET position = position + 1000 WHERE position >= 5; "
                            "UPDATE synclog.events SET position = position - 999 WHERE position > 1000; ";
const std::string every_column =
    "version, recorded_at, action, entity, record_id, branch, previous_branch, hash, salt, "
    "data_hash, meta, data";

std::string conninfo(const std::string& database) {
  return test_cluster::shared().conninfo(database);
}

core::checkpoint checkpoint_of(const std::string& database) {
  const auto made = eventstore::checkpoint_of(conninfo(database));
  REQUIRE(made.has_value());
  return *made;
}

// "ok", or "kind@position: detail".
std::string against(const std::string& database, const core::checkpoint& since) {
  const auto found = eventstore::differs_from(conninfo(database), since);
  return found ? fmt::format("{}@{}: {}", found->kind, found->position.value, found->detail) : "ok";
}

bool begins(const std::string& text, const std::string& with) {
  return text.substr(0, with.size()) == with;
}

} // namespace

TEST_CASE("tampering: a whole log verifies, from any place to any other") {
  const auto report = verified(whole_log());
  CHECK(verdict(whole_log()) == "ok");
  CHECK(report.events == whole_log_head);
  CHECK(report.head.value == whole_log_head);
  CHECK(report.head_hash_hex == core::to_hex(checkpoint_of(whole_log()).hash));
  CHECK(verified(whole_log(), between(4, 9)).events == 6);
  CHECK(verified(whole_log(), between(12, 12)).events == 1);
  CHECK(verified(whole_log(), between(13, {})).events == 0);
  CHECK(verdict(whole_log(), between(14, {})) == "end@13");
  CHECK(verdict(whole_log(), between(3, 20)) == "end@13");
}

TEST_CASE("tampering: every column of a row is under the hash, and a missing value is named") {
  check_each({
      {set("position = 100", 5), "gap@5"},
      {set("version = 7", 3), "hash@3"},
      {set("recorded_at = recorded_at + interval '1 microsecond'", 5), "hash@5"},
      {set("recorded_at = '2001-01-01Z'", 5), "time@5"},
      {set("recorded_at = 'infinity'", 5), "column@5"},
      {set("action = 'reverted'", 3), "hash@3"},
      {set("entity = 'visits'", 3), "hash@3"},
      {set("record_id = 'C-9'", 3), "hash@3"},
      {set("branch = 'south'", 5), "hash@5"},
      {set("branch = NULL", 5), "hash@5"},
      {set("branch = ''", 9), "hash@9"}, // none before: empty is something else
      {set("previous_branch = NULL", 4), "hash@4"},
      {set("previous_branch = ''", 3), "hash@3"},
      {set("hash = sha256('')", 5), "hash@5"},
      {drop("events_hash_check") + set("hash = substr(hash, 1, 31)", 5), "hash@5"},
      {set("salt = decode(repeat('00', 16), 'hex')", 5), "hash@5"},
      {set("data = replace(data::text, 'north', 'south')::json", 5), "hash@5"},
      {set("data = (data::text || ' ')::json", 5), "hash@5"},
      {set("meta = '{}'", 5), "hash@5"},
      {set("data_hash = sha256(''), data = NULL, salt = NULL", 5), "hash@5"},
      {"ALTER TABLE synclog.events ALTER meta DROP NOT NULL; " + set("meta = NULL", 5), "column@5"},
      {"ALTER TABLE synclog.events ALTER action DROP NOT NULL; " + set("action = NULL", 12), "column@12"},
  });
}

TEST_CASE("tampering: a data_hash beside data would let the data be anything, and is refused") {
  const auto loose = drop("events_data_or_its_hash");
  check_each({
      {loose + set("data_hash = synclog.data_hash(e), data = '{\"id\":\"V-1\"}'", 5), "data_hash@5"},
      {loose + set("data_hash = synclog.data_hash(e), data = NULL", 5), "data_hash@5"},
      {loose + set("data = NULL", 5), "data_hash@5"},
      {loose + set("salt = NULL", 5), "data_hash@5"},
      {loose + drop("events_salt_check") + set("salt = ''", 5), "data_hash@5"},
      {loose + drop("events_data_hash_check") +
           set("data_hash = substr(synclog.data_hash(e), 1, 31), data = NULL, salt = NULL", 5),
       "data_hash@5"},
  });
}

TEST_CASE("tampering: rows exchanged, deleted, inserted or there twice are found at their place") {
  const auto copied =
      fmt::format("INSERT INTO synclog.events (position, {0}) SELECT 13, {0} FROM synclog.events "
                  "WHERE position = 12; ",
                  every_column);
  const auto loose = drop("events_entity_record_id_version_key");
  check_each({
      {set("position = 1000", 4) + "; " + set("position = 4", 5) + "; " + set("position = 5", 1000),
       "hash@4"},
      {"DELETE FROM synclog.events WHERE position = 5", "gap@5"},
      {"DELETE FROM synclog.events WHERE position IN (1, 7)", "gap@1"},
      {"DELETE FROM synclog.events WHERE position BETWEEN 5 AND 11", "gap@5"},
      {"DELETE FROM synclog.events WHERE position = 5; UPDATE synclog.events SET position = position + 1000 "
       "WHERE "
       "position > 5; UPDATE synclog.events SET position = position - 1001 WHERE position > 1000",
       "hash@5"},
      {move_up +
           fmt::format("INSERT INTO synclog.events (position, {0}) SELECT 5, {1} FROM synclog.events WHERE "
                       "position = 4",
                       every_column, "99" + every_column.substr(7)),
       "hash@5"},
      {loose + copied, "hash@13"},
      {loose + drop("events_pkey") + copied + set("position = 12", 13), "position@12"},
      {drop("events_position_check") + set("position = 0", 12), "position@0"},
      {drop("events_position_check") + set("position = -3", 12), "position@-3"},
      {loose + drop("events_pkey"), "index@0"},
  });
}

TEST_CASE("tampering: an event that is missing at the edge of a range is missed") {
  const auto copy = tampered("DELETE FROM synclog.events WHERE position = 5");
  CHECK(verdict(copy, between(1, 4)) == "ok");
  CHECK(verdict(copy, between(1, 5)) == "gap@5");
  CHECK(verdict(copy, between(5, 5)) == "gap@5");
  CHECK(verdict(copy, between(6, 8)) == "gap@5");
  CHECK(verdict(copy, between(7, 7)) == "ok");
  CHECK(verdict(copy, between(7, 8)) == "version@8"); // of the record whose first event is gone
}

TEST_CASE("tampering: who recomputes the hashes is still held to versions and actions") {
  const auto with_hashes = [](const std::string& change, std::int64_t first) {
    return change + "; " + rehash(first);
  };
  check_each({
      {with_hashes(set("data = '{}'", 3), 3), "ok"}, // what only a checkpoint tells
      {with_hashes(set("version = 5", 3), 3), "version@3"},
      {with_hashes(set("version = 1000", 1) + "; " + set("version = 1", 3) + "; " + set("version = 2", 1), 1),
       "version@1"},
      {drop("events_version_check") + with_hashes(set("version = 0", 5), 5), "version@5"},
      {with_hashes(set("action = 'updated'", 5), 5), "action@5"},
      {with_hashes(set("action = 'created'", 3), 3), "action@3"},
      {with_hashes(set("action = 'updated'", 7), 7), "action@7"},
      {with_hashes(set("action = 'reverted'", 7), 7), "ok"},
      {with_hashes(set("action = 'reverted'", 5), 5), "action@5"}, // to what?
      {drop("events_action_check") + with_hashes(set("action = 'lost'", 8), 8), "action@8"},
      {with_hashes(set("record_id = 'C-9'", 3), 3), "version@3"},
      {"DELETE FROM synclog.events WHERE position = 3; UPDATE synclog.events SET position = position + 1000 "
       "WHERE "
       "position > 3; UPDATE synclog.events SET position = position - 1001 WHERE position > 1000; " +
           rehash(3),
       "version@5"},
  });
}

TEST_CASE("tampering: the log's id is part of every hash") {
  check_each({
      {"UPDATE synclog.log_meta SET log_id = gen_random_uuid()", "hash@1"},
      {"DELETE FROM synclog.log_meta", "identity@0"},
  });
}

TEST_CASE("tampering: an erased event still verifies, and is counted") {
  const auto copy = tampered("UPDATE synclog.events AS e SET data_hash = synclog.data_hash(e), data = NULL, "
                             "salt = NULL WHERE position IN (5, 8)");
  const auto report = verified(copy);
  CHECK(!report.difference);
  CHECK(report.erased == 2);
  CHECK(verified(whole_log()).erased == 0);
}

TEST_CASE("checkpoint: a deleted tail, a rewrite, another log and an old backup do not extend it") {
  const auto since = checkpoint_of(whole_log());
  CHECK(since.position.value == whole_log_head);
  CHECK(against(whole_log(), since) == "ok");

  const auto cut = tampered("DELETE FROM synclog.events WHERE position > 9");
  CHECK(verdict(cut) == "ok");
  CHECK(against(cut, since) ==
        "checkpoint@10: position 10: missing: the log ends at 9, the checkpoint names 12");
  CHECK(against(tampered("DELETE FROM synclog.events"), since) ==
        "checkpoint@1: position 1: missing: the log ends at 0, the checkpoint names 12");

  // An old backup, on which others went on.
  const auto old =
      tampered("DELETE FROM synclog.events WHERE position > 9; " +
               fmt::format("INSERT INTO synclog.events (position, {0}) SELECT n, {1} FROM synclog.events, "
                           "generate_series(10, 14) AS n WHERE position = 9; ",
                           every_column, "n - 8" + every_column.substr(7)) +
               "UPDATE synclog.events SET action = 'updated' WHERE position > 9; " + rehash(10));
  CHECK(verdict(old) == "ok");
  CHECK(begins(against(old, since), "checkpoint@12: position 12: stored hash "));

  const auto rewritten = tampered(set("data = '{}'", 3) + "; " + rehash(3));
  CHECK(verdict(rewritten) == "ok");
  CHECK(begins(against(rewritten, since), "checkpoint@12: position 12: stored hash "));

  const auto other = tampered("UPDATE synclog.log_meta SET log_id = gen_random_uuid(); " + rehash(1));
  CHECK(verdict(other) == "ok");
  CHECK(begins(against(other, since), "identity@12: position 12: the checkpoint is of log "));
  CHECK(begins(against(tampered("DELETE FROM synclog.log_meta"), since), "identity@12"));

  CHECK(begins(against(tampered(set("recorded_at = recorded_at + interval '1 second'", 12)), since),
               "checkpoint@12: position 12: recorded at "));
  CHECK(begins(against(tampered(set("recorded_at = 'infinity'", 12)), since),
               "checkpoint@12: position 12: recorded at"));
  CHECK(begins(against(tampered("DELETE FROM synclog.events WHERE position = 9"),
                       *eventstore::checkpoint_of(conninfo(whole_log()), core::position{9})),
               "gap@9"));
}

TEST_CASE("checkpoint: what was verified is tied to the checkpoint's hash") {
  const auto since = checkpoint_of(whole_log());
  const auto grown = tampered(fmt::format("INSERT INTO synclog.events (position, {0}) SELECT 13, 2{1} FROM "
                                          "synclog.events WHERE position = 12; ",
                                          every_column, every_column.substr(7)) +
                              set("action = 'updated'", 13) + "; " + rehash(13));
  eventstore::verify_options how;
  how.from = since.position.next();
  how.known_hash = since.hash;
  CHECK(verdict(grown, how) == "ok");
  CHECK(verified(grown, how).events == 1);
  tamper(grown, set("hash = sha256('')", 12) + "; " + rehash(13));
  CHECK(verdict(grown, between(13, {})) == "ok");
  CHECK(verdict(grown, how) == "hash@12");
  CHECK(!eventstore::checkpoint_of(conninfo(whole_log()), core::position{13}).has_value());
}

TEST_CASE("tampering: whatever the threads do, the difference at the smallest position is reported") {
  constexpr std::int64_t events = 12'000;
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const auto long_log = tampered(
      fmt::format("DELETE FROM synclog.events; "
                  "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, "
                  "hash, salt, meta, "
                  "data) SELECT n, v, '2026-01-01Z'::timestamptz + n * interval '1 second', "
                  "CASE v WHEN 1 THEN 'created' ELSE 'updated' END, 'clients', id, sha256(''), "
                  "substr(sha256(int8send(n)), "
                  "1, 16), '{{}}', json_build_object('n', n) FROM (SELECT n, id, row_number() OVER "
                  "(PARTITION BY id ORDER BY "
                  "n) AS v FROM (SELECT n, CASE WHEN n % 3 = 0 THEN 'hot' ELSE (n * 7919 % 1500)::text || "
                  "repeat('x', (n * "
                  "7919 % 60)::int) END AS id FROM generate_series(1, {}) AS n) AS named) AS counted; ",
                  events) +
      rehash(1) + "; ANALYZE synclog.events");
  for (const unsigned jobs : {1u, 2u, 8u}) {
    const auto report = verified(long_log, with_jobs(jobs));
    CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : ""));
    CHECK(report.events == events);
    CHECK(report.head.value == events);
    CHECK(report.head_hash_hex ==
          test_cluster::shared().sql(
              long_log, "SELECT encode(hash, 'hex') FROM synclog.events WHERE position = 12000"));
    CHECK(verified(long_log, between(300, 9'000, jobs)).events == 8'701);
  }
  // Ends and beginnings of the first thread's first pages, and anywhere.
  for (std::int64_t border :
       {std::int64_t{1}, std::int64_t{256}, std::int64_t{257}, events, std::int64_t{0}}) {
    const auto anywhere = [&random](std::int64_t least) {
      return std::uniform_int_distribution<std::int64_t>(least, events)(random);
    };
    const auto first = border > 0 ? border : anywhere(1);
    std::set<std::int64_t> positions{first};
    for (int i = 0; i < 5; ++i)
      positions.insert(anywhere(first));
    const auto copy = test_cluster::shared().fresh_database(long_log);
    std::string changes;
    const auto kind = random() % 3;
    for (const auto position : positions)
      changes += kind == 0   ? set("data = '{}'", position) + "; "
                 : kind == 1 ? set("record_id = 'nobody' || position", position) + "; "
                             : fmt::format("DELETE FROM synclog.events WHERE position = {}; ", position);
    if (kind == 2 && *positions.rbegin() == events) changes += set("position = 20000", events - 1) + "; ";
    if (kind == 1) changes += rehash(first) + "; " + set("version = 2", first) + "; " + rehash(first) + "; ";
    CAPTURE(changes);
    tamper(copy, changes);
    const auto expected = verdict(copy, with_jobs(1));
    CHECK(expected != "ok");
    for (int round = 0; round < 3; ++round) {
      CHECK(verdict(copy, with_jobs(2)) == expected);
      CHECK(verdict(copy, with_jobs(8)) == expected);
    }
    if (kind == 0) CHECK(expected == fmt::format("hash@{}", first));
    if (kind == 1) CHECK(expected == fmt::format("version@{}", first));
    test_cluster::shared().drop_database(copy);
  }
}
