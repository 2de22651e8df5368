// The chain in C++ and in SQL are one function: over random events, over fixed vectors, and both notice every
// change.
#include "core/chain.hpp"
#include "pg/migrations/log_database.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <random>
#include <string_view>

using namespace synclog;
using namespace synclog::tests;

namespace {

core::uuid log_id_of(const std::string& database) {
  const auto bytes = core::from_hex(
      test_cluster::shared().sql(database, "SELECT encode(uuid_send(log_id), 'hex') FROM synclog.log_meta"));
  core::uuid id{};
  REQUIRE((bytes && bytes->size() == id.size()));
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

std::uint32_t seed() {
  const char* given = std::getenv("SYNCLOG_TEST_SEED");
  return given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                          : std::random_device{}();
}

class event_source {
 public:
  explicit event_source(std::uint32_t from) : random_(from) {}

  core::event next() {
    core::event made;
    made.position = {++position_};
    made.version = position_;
    made.entity = pick({"clients", "appointments", "stock-requests", "é"});
    made.record_id = text() + std::to_string(position_);
    made.action = static_cast<core::event_action>(below(4));
    made.branch = below(3) == 0 ? "" : text();
    if (below(3) == 0) made.previous_branch = below(2) == 0 ? "" : text();
    made.data = R"({"name": ")" + text() +
                R"(",  "n":1.50, "e":"\u00e9"})"; // the exact text counts, spaces and escapes too
    made.meta = R"({"actor":")" + text() + "\"}";
    time_ += static_cast<std::int64_t>(below(5'000'000));
    made.recorded_at = {time_};
    core::fill_random(made.salt.data(), made.salt.size());
    return made;
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::string pick(std::initializer_list<const char*> from) { return *(from.begin() + below(from.size())); }
  std::string text() {
    return pick({"", "north", "Łódź", "日本語", "😀 smile", "a'b", "e\u0301 combining",
                 "plain text, longer than the others"});
  }

  std::mt19937 random_;
  std::int64_t position_ = 0;
  std::int64_t time_ = 1'700'000'000'000'001;
};

// Appends `count` events chained in C++.
void append_random(const std::string& database, int count, std::uint32_t from) {
  event_source source(from);
  core::chain_hasher chain(log_id_of(database));
  core::sha256_digest last = chain.genesis();
  for (int i = 0; i < count; ++i) {
    core::event next = source.next();
    const std::string_view salt(reinterpret_cast<const char*>(next.salt.data()), next.salt.size());
    next.hash = chain.next(last, next, chain.data_hash(salt, next.data));
    last = next.hash;
    REQUIRE(insert_event(database, next) == "");
  }
}

std::string defects(const std::string& database, const std::string& range = "") {
  return test_cluster::shared().sql(database, "SELECT string_agg(defect || '@' || event_position, ' ' ORDER "
                                              "BY event_position, defect) FROM synclog.verify_chain(" +
                                                  range + ")");
}

// What an owner with bad intentions would do.
void tamper(const std::string& database, const std::string& statement) {
  test_cluster::shared().sql(database,
                             "BEGIN; ALTER TABLE synclog.events DISABLE TRIGGER append_only; " + statement +
                                 "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only; COMMIT");
}

} // namespace

TEST_CASE("chain: what C++ chains over random events, SQL verifies") {
  const std::uint32_t from = seed();
  CAPTURE(from);
  const std::string database = migrated_database();
  append_random(database, 60, from);
  CHECK(defects(database) == "");
  CHECK(defects(database, "20, 40") == "");
  CHECK(defects(database, "60, 60") == "");
}

TEST_CASE("chain: SQL finds every changed column, a gap, a cut tail and time running backwards") {
  const std::string database = migrated_database();
  append_random(database, 9, 7);
  for (const std::string change :
       {"version = 99", "recorded_at = recorded_at + interval '1 microsecond'",
        "action = CASE action WHEN 'created' THEN 'updated' ELSE 'created' END", "entity = entity || 'x'",
        "record_id = record_id || 'x'", "branch = coalesce(branch, '') || 'x'",
        "previous_branch = CASE WHEN previous_branch IS NULL THEN '' END",
        "salt = decode(repeat('00', 16), 'hex')", "data = '{\"name\":1}'", "meta = '{}'"}) {
    CAPTURE(change);
    const std::string copy = test_cluster::shared().fresh_database(database);
    tamper(copy, "UPDATE synclog.events SET " + change + " WHERE position = 5");
    CHECK(defects(copy) == "hash@5");
  }
  const std::string rehashed = test_cluster::shared().fresh_database(database);
  tamper(rehashed, "UPDATE synclog.events SET hash = sha256('') WHERE position = 5");
  CHECK(defects(rehashed) == "hash@5 hash@6");
  tamper(database, "DELETE FROM synclog.events WHERE position IN (1, 5)");
  CHECK(defects(database) == "gap@2 gap@6");
  CHECK(defects(database, "6, 9") == "gap@6");
  CHECK(defects(database, "7, 12") == "end@9");
  tamper(database, "UPDATE synclog.events SET recorded_at = '2001-01-01Z' WHERE position = 9");
  CHECK(defects(database, "7") == "hash@9 time@9");
}

TEST_CASE("chain: an erased event still verifies by its data_hash, and the C++ chain agrees") {
  const std::string database = migrated_database();
  append_random(database, 5, 11);
  tamper(database, "UPDATE synclog.events e SET data_hash = synclog.data_hash(e), data = NULL, salt = NULL "
                   "WHERE position = 3");
  CHECK(defects(database) == "");
  tamper(database, "UPDATE synclog.events SET data_hash = sha256('') WHERE position = 3");
  CHECK(defects(database) == "hash@3");
}

// docs/event-log.md prints the same vectors.
TEST_CASE("chain: C++ and SQL both give the published test vectors") {
  const std::string database = migrated_database();
  test_cluster::shared().sql(database, "SELECT synclog.adopt_log_id('00112233-4455-6677-8899-aabbccddeeff')");
  core::chain_hasher chain(log_id_of(database));
  core::sha256_digest last = chain.genesis();
  CHECK(core::to_hex(last) == "be192d489c98a5e97b20b09e2a0d9d1657ed38304a489a3a9a218aede8d9b59e");

  core::event first;
  first.position = {1};
  first.version = 1;
  first.entity = "clients";
  first.record_id = "CLT-1";
  first.recorded_at = {1'795'406'706'123'456};
  first.meta = R"({"actor":"front-desk"})";
  first.data = R"({"id":"CLT-1","full_name":"Zoë"})";
  for (std::size_t i = 0; i < first.salt.size(); ++i)
    first.salt[i] = static_cast<unsigned char>(i);
  core::event second = first;
  second.position = {2};
  second.version = 2;
  second.action = core::event_action::updated;
  second.branch = "north";
  second.previous_branch = "";
  second.recorded_at = {1'795'406'707'000'000};
  second.data = R"({"id":"CLT-1","full_name":"Zoë","branch":"north"})";

  const std::string_view expected[] = {"80bb6d45c601567ab8d1fa50ff9458542c46caf8af6da720118d590166038845",
                                       "f0a4a2d8cf63b065eb71ed408ce65a51e7d44065fe080e403779896e4559364f"};
  int index = 0;
  for (core::event* one : {&first, &second}) {
    const std::string_view salt(reinterpret_cast<const char*>(one->salt.data()), one->salt.size());
    one->hash = chain.next(last, *one, chain.data_hash(salt, one->data));
    last = one->hash;
    CHECK(core::to_hex(last) == expected[index++]);
    REQUIRE(insert_event(database, *one) == "");
  }
  CHECK(defects(database) == "");
}
