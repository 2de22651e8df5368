// What changes under a running server is noticed and told: settings, rights, a table that a crash would
// empty.
#include "http/log_watch.hpp"
#include "migrations/guard.hpp"
#include "migrations/runner.hpp"
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <array>
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;

TEST_CASE("log watch: a right too many and a setting that loses commits are found while it runs, and their "
          "end too") {
  test_cluster& cluster = durable_cluster();
  const std::string database = migrated_database(cluster);
  cluster.sql(database, "DROP ROLE IF EXISTS watched; CREATE ROLE watched LOGIN IN ROLE synclog_app");
  io_threads threads;
  eventstore::pg::connect_options connect;
  connect.conninfo = cluster.conninfo(database, "watched");
  eventstore::pg::pool reads(threads.executor(), connect, {.connections = 1});
  {
    http::log_watch watch(threads.executor(), reads, migrations::guard_sql, {}, 5ms);
    watch.start();
    const auto found_both = [&] { return !watch.found().losses.empty() && !watch.found().powers.empty(); };
    const auto found_none = [&] { return watch.found() == http::log_findings{}; };
    CHECK(found_none());
    cluster.sql(database,
                "GRANT TRUNCATE ON synclog.events TO watched; ALTER TABLE synclog.idempotency SET UNLOGGED");
    CHECK(wait_until(found_both));
    CHECK(watch.found().powers.at(0).find("REVOKE TRUNCATE ON synclog.events FROM watched") !=
          std::string::npos);
    CHECK(watch.found().losses.at(0).find("synclog.idempotency is UNLOGGED") != std::string::npos);
    cluster.sql(database,
                "REVOKE TRUNCATE ON synclog.events FROM watched; ALTER TABLE synclog.idempotency SET LOGGED");
    CHECK(wait_until(found_none));
    threads.run(watch.stop());
  }
  threads.run(reads.stop());
}

TEST_CASE(
    "log watch: a look that the database refuses changes nothing that was found, and the next one counts") {
  test_cluster& cluster = durable_cluster();
  const std::string database = migrated_database(cluster);
  io_threads threads;
  eventstore::pg::connect_options connect;
  connect.conninfo = cluster.conninfo(database);
  eventstore::pg::pool reads(threads.executor(), connect, {.connections = 1});
  {
    http::log_findings before;
    before.losses = {"found before serving"};
    http::log_watch watch(threads.executor(), reads, "SELECT kind, sentence FROM found_by_test", before, 5ms);
    watch.start();
    const auto refused = [&] {
      return cluster.sql(database,
                         "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%found_by_test' "
                         "AND state = 'idle'") == "t";
    };
    REQUIRE(wait_until(refused)); // there is no such table
    CHECK(watch.found() == before);
    CHECK_FALSE(watch.is_durable());
    cluster.sql(database,
                "CREATE TABLE found_by_test AS SELECT 'power' AS kind, 'a right too many' AS sentence");
    CHECK(wait_until([&] { return watch.is_durable(); }));
    CHECK(watch.found().powers == std::vector<std::string>{"a right too many"});
    threads.run(watch.stop());
  }
  threads.run(reads.stop());
}

TEST_CASE("log watch: a server whose login could alter the log says so, and serves") {
  const server_fixture& server = server_fixture::shared(); // logs in as a superuser
  const auto ready = server.get("/readyz?verbose");
  CHECK(ready.status == 200);
  CHECK(at(ready.body, "/checks/durable") == "ok");
  CHECK(at(ready.body, "/warnings/0").find("postgres is a superuser") != std::string::npos);
  CHECK(server.output().find("could alter the log; fix: ") != std::string::npos);
  const auto counted = server.get("/metrics").body;
  CHECK(counted.find("\nsynclog_log_durable 1\n") != std::string::npos);
  CHECK(counted.find("\nsynclog_log_protected 0\n") != std::string::npos);
  CHECK(counted.find("\nsynclog_log_watch_age_seconds ") != std::string::npos);
}

TEST_CASE("log watch: while the database could lose what it acknowledges nothing is saved, and reads go on") {
  server_fixture server;
  constexpr const char* client = R"({"full_name":"A. N. Other","branch":"north"})";
  const auto first = server.post("/api/clients", client);
  REQUIRE(first.status == 201);
  const std::string one = "/api/clients/" + at(first.body, "/id");
  server.sql("ALTER TABLE synclog.idempotency SET UNLOGGED");
  REQUIRE(wait_until([&] { return server.get("/readyz").status == 503; }, 30s));
  const auto head = server.sql("SELECT max(position) FROM synclog.events");
  const http_headers json{{"Content-Type", "application/json"}};
  for (const auto& [method, target, body] : {std::array<std::string, 3>{"POST", "/api/clients", client},
                                             {"PATCH", one, "{}"},
                                             {"PUT", one, client},
                                             {"DELETE", one, ""},
                                             {"POST", one + "/revert", R"({"version":1})"},
                                             {"PATCH", "/api/clients", "[]"},
                                             {"DELETE", "/api/clients", "[]"},
                                             {"POST", "/api/admin/tokens", "{}"},
                                             {"POST", "/api/admin/undo", "{}"}}) {
    CAPTURE(method);
    CAPTURE(target);
    const auto refused = server.request(method, target, json, body);
    CHECK(refused.status == 503);
    CHECK(refused.header("retry-after") == "2");
    CHECK(at(refused.body, "/code") == "database_not_durable");
    CHECK(at(refused.body, "/detail").find("could lose what it acknowledges: nothing was saved") !=
          std::string::npos);
  }
  CHECK(server.sql("SELECT max(position) FROM synclog.events") == head);
  CHECK(server.get(one).status == 200);
  CHECK(at(server.get("/readyz?verbose").body, "/warnings/0").find("SET LOGGED") != std::string::npos);
  CHECK(server.get("/metrics").body.find("\nsynclog_log_durable 0\n") != std::string::npos);
  server.sql("ALTER TABLE synclog.idempotency SET LOGGED");
  CHECK(wait_until([&] { return server.get("/readyz").status == 200; }, 30s));
  CHECK(server.post("/api/clients", client).status == 201);
}
