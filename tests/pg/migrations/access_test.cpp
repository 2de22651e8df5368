// Tokens in the database: each change is an event of the log, and the service role can make none without.
#include "core/token.hpp"
#include "migrations/runner.hpp"
#include "pg/migrations/log_database.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

std::string create_token(const std::string& id, const std::string& name, const std::string& branches = "{}",
                         const std::string& role = "editor", const std::string& expires = "NULL") {
  return fmt::format(
      "SELECT synclog.create_token('{0}', '{1}', '{2}', '{3}', sha256('{0}'), {4}, 'cli:root', "
      R"('{{"actor":"cli:root"}}', substr(sha256('{0}'), 1, 16)))",
      id, name, role, branches, expires);
}

std::string revoke_token(const std::string& which) {
  return fmt::format(
      R"(SELECT synclog.revoke_token('{}', '{{"actor":"cli:root"}}', substr(sha256(''), 1, 16)))", which);
}

std::string value(const std::string& database, const std::string& sql) {
  return test_cluster::shared().sql(database, sql);
}

} // namespace

TEST_CASE("access: making and revoking a token are events of the chain, without its secret") {
  const auto database = migrated_database();
  REQUIRE(sqlstate_of(database,
                      {create_token("TOK-1", "front \"desk\"", "{north,\"so uth\"}", "viewer",
                                    "'2031-01-02T03:04:05.000006Z'")},
                      "synclog_app") == "");
  REQUIRE(sqlstate_of(database, {revoke_token("TOK-1")}, "synclog_app") == "");
  CHECK(value(database, "SELECT count(*) FROM synclog.verify_chain()") == "0");
  CHECK(value(database,
              "SELECT string_agg(position || ' ' || version || ' ' || action || ' ' || entity || ' ' || "
              "record_id || ' ' || coalesce(branch, '-') || ' ' || (meta->>'actor'), '; ' ORDER BY position) "
              "FROM synclog.events") ==
        "1 1 created admin/tokens TOK-1 - cli:root; 2 2 deleted admin/tokens TOK-1 - cli:root");
  CHECK(value(database,
              "SELECT string_agg(k, ' ') FROM synclog.events, json_object_keys(data) k WHERE position = 1") ==
        "id version position created_at updated_at name role branches expires_at");
  CHECK(value(database, "SELECT data->>'name' FROM synclog.events WHERE position = 1") == "front \"desk\"");
  CHECK(value(database, "SELECT data->>'expires_at' FROM synclog.events WHERE position = 1") ==
        "2031-01-02T03:04:05.000006Z");
  CHECK(value(database, "SELECT data->'branches' FROM synclog.events WHERE position = 1") ==
        R"(["north","so uth"])");
  CHECK(value(database,
              "SELECT bool_and(data::text = (SELECT data::text FROM synclog.events WHERE position = 1)) "
              "FROM synclog.events") == "t");
  CHECK(value(database,
              "SELECT revoked_at = (SELECT max(recorded_at) FROM synclog.events) FROM synclog.tokens") ==
        "t");
}

TEST_CASE("access: the service role changes tokens by the two functions and in no other way") {
  const auto database = migrated_database();
  REQUIRE(sqlstate_of(database, {create_token("TOK-1", "desk")}, "synclog_app") == "");
  for (const std::string statement :
       {"INSERT INTO synclog.tokens SELECT * FROM synclog.tokens", "UPDATE synclog.tokens SET role = 'admin'",
        "UPDATE synclog.tokens SET expires_at = NULL", "UPDATE synclog.tokens SET revoked_at = NULL",
        "DELETE FROM synclog.tokens", "TRUNCATE synclog.tokens",
        "SELECT synclog.append_token_event('created', 'x', 1, '', '{}', '')",
        "UPDATE synclog.sessions SET expires_at = 'infinity'",
        "UPDATE synclog.tickets SET expires_at = 'infinity'",
        "ALTER FUNCTION synclog.revoke_token(text, json, bytea) SECURITY INVOKER"}) {
    CAPTURE(statement);
    CHECK(sqlstate_of(database, {statement}, "synclog_app") == "42501");
  }
  CHECK(sqlstate_of(
            database,
            {"UPDATE synclog.tokens SET last_used_on = current_date",
             "INSERT INTO synclog.sessions (id, token_id, secret_hash, expires_at) VALUES ('SES-1', 'TOK-1', "
             "sha256('s'), now())",
             "INSERT INTO synclog.tickets VALUES (sha256('t'), 'TOK-1', 'SES-1', now())",
             "DELETE FROM synclog.tickets", "DELETE FROM synclog.sessions"},
            "synclog_app") == "");
  test_cluster::shared().sql(database, "GRANT INSERT ON synclog.tokens TO synclog_app");
  const auto defects = migrations::verify(test_cluster::shared().conninfo(database));
  REQUIRE(defects.has_value());
  REQUIRE(defects->size() == 1);
  CHECK(defects->at(0).find("synclog.tokens") != std::string::npos);
}

TEST_CASE("access: a revoked token takes its sessions and tickets along, and is not revoked again") {
  const auto database = migrated_database();
  REQUIRE(
      sqlstate_of(
          database,
          {create_token("TOK-1", "desk"),
           "INSERT INTO synclog.sessions (id, token_id, secret_hash, expires_at) VALUES ('SES-1', 'TOK-1', "
           "sha256('s'), now())",
           "INSERT INTO synclog.tickets VALUES (sha256('t'), 'TOK-1', 'SES-1', now())"}) == "");
  CHECK(value(database, revoke_token("desk")) == "TOK-1");
  CHECK(value(database,
              "SELECT (SELECT count(*) FROM synclog.sessions) + (SELECT count(*) FROM synclog.tickets)") ==
        "0");
  CHECK(value(database, revoke_token("desk")) == "");
  CHECK(value(database, revoke_token("TOK-1")) == "");
  CHECK(value(database, "SELECT max(position) FROM synclog.events") == "2");
}

TEST_CASE("access: a name is had by one live token, and passed on only to one that sees as much") {
  const auto database = migrated_database();
  const auto try_it = [&](const std::string& sql) { return sqlstate_of(database, {sql}, "synclog_app"); };
  CHECK(try_it(create_token("TOK-1", "desk", "{north}")) == "");
  CHECK(try_it(create_token("TOK-2", "desk", "{north}")) == "SL002");
  CHECK(try_it(revoke_token("desk")) == "");
  CHECK(try_it(create_token("TOK-3", "desk", "{south}")) == "SL002");
  CHECK(try_it(create_token("TOK-4", "desk", "{north,south}")) == "");
  CHECK(try_it(revoke_token("desk")) == "");
  CHECK(try_it(create_token("TOK-5", "desk", "{north}")) == "SL002");
  CHECK(try_it(create_token("TOK-6", "desk", "{}")) == "");
  CHECK(try_it(revoke_token("desk")) == "");
  CHECK(try_it(create_token("TOK-7", "desk", "{north,south}")) == "SL002");
  CHECK(try_it(create_token("TOK-8", "other", "{north}", "admin")) == "23514");
  // What was refused left no event.
  CHECK(value(database, "SELECT count(*) FROM synclog.events") == "6");
  CHECK(value(database, "SELECT count(*) FROM synclog.verify_chain()") == "0");
}
