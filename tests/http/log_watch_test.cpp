// What changes under a running server is noticed and told: settings, rights, a table that a crash would
// empty.
#include "http/log_watch.hpp"
#include "migrations/guard.hpp"
#include "migrations/runner.hpp"
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
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
}
