// The database itself refuses to change the log, whoever asks, and gives the service role no more than it
// needs.
#include "pg/migrations/log_database.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

core::event first_event() {
  core::event made;
  made.position = {1};
  made.version = 1;
  made.entity = "clients";
  made.record_id = "CLT-1";
  made.data = R"({"id":"CLT-1"})";
  made.meta = R"({"actor":"test"})";
  made.recorded_at = {1'700'000'000'123'456};
  return made;
}

} // namespace

TEST_CASE("log: update, delete and truncate are refused to the superuser, also with replica triggers") {
  const std::string database = migrated_database();
  REQUIRE(insert_event(database, first_event()) == "");
  for (const std::string statement :
       {"UPDATE synclog.events SET version = 2", "UPDATE synclog.events SET hash = hash WHERE false",
        "DELETE FROM synclog.events", "TRUNCATE synclog.events", "TRUNCATE synclog.events CASCADE",
        "INSERT INTO synclog.events SELECT * FROM synclog.events ON CONFLICT (position) DO UPDATE SET "
        "version = 9"}) {
    CAPTURE(statement);
    CHECK(sqlstate_of(database, {statement}) == "SL001");
    CHECK(sqlstate_of(database, {"SET session_replication_role = replica", statement}) == "SL001");
  }
  CHECK(test_cluster::shared().sql(database, "SELECT count(*) || ' ' || max(version) FROM synclog.events") ==
        "1 1");
}

TEST_CASE("log: its identity can be adopted while it is empty and never afterwards") {
  const std::string database = migrated_database();
  const std::string adopt = "SELECT synclog.adopt_log_id('00112233-4455-6677-8899-aabbccddeeff')";
  CHECK(sqlstate_of(database, {"INSERT INTO synclog.log_meta DEFAULT VALUES"}) == "23505");
  CHECK(sqlstate_of(database, {"DELETE FROM synclog.log_meta"}) == "SL001");
  CHECK(sqlstate_of(database, {adopt}, "synclog_app") == "42501");
  CHECK(sqlstate_of(database, {adopt}) == "");
  CHECK(test_cluster::shared().sql(database, "SELECT log_id FROM synclog.log_meta") ==
        "00112233-4455-6677-8899-aabbccddeeff");
  REQUIRE(insert_event(database, first_event()) == "");
  CHECK(sqlstate_of(database, {adopt}) == "SL001");
  CHECK(sqlstate_of(database, {"SET session_replication_role = replica",
                               "UPDATE synclog.log_meta SET log_id = gen_random_uuid()"}) == "SL001");
}

TEST_CASE("log: the service role appends and reads, and may do nothing else to it") {
  const std::string database = migrated_database();
  CHECK(insert_event(database, first_event(), "synclog_app") == "");
  CHECK(sqlstate_of(database,
                    {"SELECT * FROM synclog.events", "SELECT * FROM synclog.verify_chain()",
                     "SELECT * FROM synclog.log_meta", "SELECT * FROM synclog.migrations",
                     "CREATE TABLE public.clients (id text)"},
                    "synclog_app") == "");
  for (const std::string statement :
       {"UPDATE synclog.events SET version = 2", "DELETE FROM synclog.events", "TRUNCATE synclog.events",
        "ALTER TABLE synclog.events DISABLE TRIGGER append_only", "DROP TABLE synclog.events",
        "ALTER TABLE synclog.events ADD COLUMN extra text", "CREATE INDEX ON synclog.events (branch)",
        "CREATE TRIGGER mine BEFORE INSERT ON synclog.events FOR EACH ROW EXECUTE FUNCTION "
        "synclog.refuse_change()",
        "UPDATE synclog.log_meta SET log_id = gen_random_uuid()",
        "INSERT INTO synclog.migrations VALUES (9, 'x', sha256(''))", "CREATE TABLE synclog.mine (id text)",
        "DELETE FROM synclog.idempotency", "UPDATE synclog.idempotency SET answer = '{}'",
        "DELETE FROM synclog.definitions", "SET session_replication_role = replica"}) {
    CAPTURE(statement);
    CHECK(sqlstate_of(database, {statement}, "synclog_app") == "42501");
  }
}

TEST_CASE("log: nobody else sees anything of it") {
  test_cluster& cluster = test_cluster::shared();
  const std::string database = migrated_database();
  cluster.sql("postgres", "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger");
  for (const std::string statement :
       {"SELECT * FROM synclog.events", "SELECT * FROM synclog.log_meta",
        "SELECT synclog.genesis_hash(gen_random_uuid())", "SELECT synclog.adopt_log_id(gen_random_uuid())",
        "SELECT * FROM synclog.idempotency"}) {
    CAPTURE(statement);
    CHECK(sqlstate_of(database, {statement}, "stranger") == "42501");
  }
}

TEST_CASE("log: a row holds its data with the salt, or what they hashed to, never both or neither") {
  const std::string database = migrated_database();
  const auto insert = [](const std::string& position, const std::string& salt, const std::string& data_hash,
                         const std::string& data) {
    return "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, hash, "
           "meta, salt, data_hash, data) "
           "VALUES (" +
           position + ", 1, now(), 'created', 'clients', '" + position + "', sha256(''), '{}', " + salt +
           ", " + data_hash + ", " + data + ")";
  };
  const std::string salt = "decode(repeat('ab', 16), 'hex')", digest = "sha256('x')", data = "'{}'",
                    none = "NULL";
  CHECK(sqlstate_of(database, {insert("1", salt, none, data)}) == "");
  CHECK(sqlstate_of(database, {insert("2", none, digest, none)}) == "");
  CHECK(sqlstate_of(database, {insert("3", salt, digest, data)}) == "23514");
  CHECK(sqlstate_of(database, {insert("3", none, none, none)}) == "23514");
  CHECK(sqlstate_of(database, {insert("3", none, none, data)}) == "23514");
  CHECK(sqlstate_of(database, {insert("3", salt, none, none)}) == "23514");
  CHECK(sqlstate_of(database, {insert("0", salt, none, data)}) == "23514");
  CHECK(sqlstate_of(database, {insert("1", salt, none, data)}) == "23505");
}
