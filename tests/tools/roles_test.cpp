// As whom the program works in its database, through the binary: with logins of its own, with the owner's, in
// a private PostgreSQL, and in data that an earlier layout made.
#include "command_run.hpp"
#include "core/entity.hpp"
#include "eventstore/pg/embedded.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "migrations/runner.hpp"
#include "projections/read_table.hpp"
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/wait.hpp"
#include "tidy_site.hpp"
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

constexpr const char* one_client = R"({"full_name":"A. N. Other","branch":"north"})";

// Runs it on the private PostgreSQL of its --data-dir, whatever the environment says.
ended_command on_folder(const words& arguments) {
  command_run command(arguments, "env -u DATABASE_URL -u SYNCLOG_OWNER_URL");
  ended_command made;
  made.code = command.wait();
  made.output = command.output();
  made.errors = command.errors();
  return made;
}

// Of the URL that a `serve` prints; fails the test when it ends without.
std::uint16_t port_of(const command_run& serving) {
  constexpr std::string_view mark = "listening on http://127.0.0.1:";
  std::string printed;
  const auto listens = [&] {
    printed = serving.output();
    const auto at = printed.find(mark);
    return at != std::string::npos && printed.find('\n', at) != std::string::npos;
  };
  REQUIRE_MESSAGE(wait_until(listens), serving.errors());
  return static_cast<std::uint16_t>(std::stoi(printed.substr(printed.find(mark) + mark.size())));
}

// A server that logs in as synclog_app.
class tidy_server {
 public:
  explicit tidy_server(const std::string& database, const words& more = {})
      : database_(database),
        process_(words{"serve", "--listen", "127.0.0.1:0", "--database-url", service_url(database)} + more),
        port_(port_of(process_)) {}

  http_reply get(const std::string& target) const {
    return http_client(port_).request("GET", target, {}, "");
  }
  http_reply post(const std::string& target, const std::string& body) const {
    return http_client(port_).request("POST", target, {{"Content-Type", "application/json"}}, body);
  }
  std::string sql(const std::string& statement) const { return tidy_cluster().sql(database_, statement); }
  std::string log() const { return process_.errors(); }

 private:
  std::string database_;
  command_run process_;
  std::uint16_t port_;
};

} // namespace

TEST_CASE("roles: migrated by its owner and served by synclog_app itself, nothing is left to warn of") {
  const std::string database = tidy_database();
  const auto made = run_command(
      {"migrate", "up", "--database-url", service_url(database), "--owner-url", owner_url(database)});
  REQUIRE_MESSAGE(made.code == 0, made.errors);
  CHECK(has(made.output, "applied 003 roles\n"));
  const tidy_server server(database);
  REQUIRE(server.post("/api/clients", one_client).status == 201);
  CHECK(server.get("/api/clients").status == 200);
  CHECK(has(server.get("/readyz?verbose").body, R"("warnings":[])"));
  CHECK(has(server.get("/metrics").body, "\nsynclog_log_protected 1\n"));
  CHECK(!has(server.log(), "could alter"));
  CHECK(
      server.sql(
          "SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE datname = current_database() "
          "AND application_name LIKE 'synclog%'") == "synclog_app");
  CHECK(
      server.sql("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'") ==
      "synclog_app");
  CHECK(
      server.sql("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'synclog'") ==
      "log_owner");
  for (const words& command :
       {words{"migrate", "up"}, words{"migrate", "verify"}, words{"replay", "verify"},
        words{"replay", "rebuild", "clients"}, words{"token", "list"}, words{"replay", "show", "1"}}) {
    CAPTURE(command.at(1));
    const auto done = run_command(command + words{"--database-url", service_url(database)});
    CHECK_MESSAGE(done.code == 0, done.errors);
  }
}

TEST_CASE("roles: `serve --owner-url` migrates as the owner and serves as DATABASE_URL says; alone that is "
          "refused") {
  const std::string database = tidy_database();
  const words serve{"serve", "--listen", "127.0.0.1:0", "--database-url", service_url(database)};
  const auto refused = run_command(serve);
  CHECK(refused.code == 1);
  CHECK(has(refused.errors, "the database's schema is missing; fix: run `synclog migrate up`"));
  const auto not_the_owner = run_command({"migrate", "up", "--database-url", service_url(database)});
  CHECK(not_the_owner.code == 1);
  CHECK(has(not_the_owner.errors, "migrations are the owner's: his URL is --owner-url (SYNCLOG_OWNER_URL)"));
  {
    const tidy_server server(database, {"--owner-url", owner_url(database)});
    CHECK(has(server.log(), "migrated: 001 event_log"));
    CHECK(server.post("/api/clients", one_client).status == 201);
    CHECK(server.sql("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE datname = "
                     "current_database() "
                     "AND application_name LIKE 'synclog%'") == "synclog_app");
  }
  const std::string other = tidy_database();
  const auto two_databases = run_command(serve + words{"--owner-url", owner_url(other)});
  CHECK(two_databases.code == 1);
  CHECK(has(two_databases.errors, "they must be one database"));
  CHECK(tidy_cluster().sql(other, "SELECT to_regnamespace('synclog') IS NULL") == "t");
  command_run nobody_to_serve({"serve", "--listen", "127.0.0.1:0", "--owner-url", owner_url(database)},
                              "env -u DATABASE_URL");
  CHECK(nobody_to_serve.wait() == 1);
  CHECK(has(nobody_to_serve.errors(), "--database-url (DATABASE_URL) for the service's login"));
}

TEST_CASE("roles: with the owner's URL alone every connection is the service role: what is taken from it "
          "cannot be done") {
  server_fixture server; // logs in as a superuser, who may do anything
  REQUIRE(server.post("/api/clients", one_client).status == 201);
  CHECK(
      server.sql("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'") ==
      "synclog_app");
  const auto without = [&server](const std::string& right, const std::string& on, const auto& work) {
    server.sql("REVOKE " + right + " ON " + on + " FROM synclog_app");
    work();
    server.sql("GRANT " + right + " ON " + on + " TO synclog_app");
  };
  const auto said = [&server](const words& command) {
    const auto done = run_command(command + words{"--database-url", server.database_url()});
    CHECK(done.code == 1);
    return done.errors;
  };
  without("INSERT", "synclog.events", [&] { CHECK(server.post("/api/clients", one_client).status >= 500); });
  CHECK(server.post("/api/clients", one_client).status == 201);
  without("SELECT", "clients", [&] {
    CHECK(server.get("/api/clients").status >= 500);
    CHECK(has(said({"replay", "verify"}),
              "permission denied for table clients: the role synclog_app lacks a right"));
  });
  without("SELECT", "synclog.events", [&] {
    for (const words& command :
         {words{"replay", "verify"}, words{"replay", "show", "1"}, words{"replay", "rebuild", "--dry-run"},
          words{"replay", "export", "-"}, words{"replay", "history", "clients", "CLT-1"}}) {
      CAPTURE(command.at(1));
      const std::string errors = said(command);
      CAPTURE(errors);
      CHECK(has(errors, "`synclog migrate verify` by the owner of the log"));
    }
  });
  without("SELECT", "synclog.tokens", [&] {
    CHECK(has(said({"token", "list"}), "permission denied for table tokens"));
  });
  CHECK(server.get("/api/clients").status == 200);
}

TEST_CASE("roles: a login that is no member of the service role is told how to become one") {
  const std::string database = migrated_database(durable_cluster());
  durable_cluster().sql("postgres", "DROP ROLE IF EXISTS passer_by; CREATE ROLE passer_by LOGIN NOINHERIT");
  const std::string url = durable_cluster().url(database, "passer_by");
  for (const words& command :
       {words{"serve", "--listen", "127.0.0.1:0"}, words{"replay", "verify"}, words{"token", "list"}}) {
    const auto refused = run_command(command + words{"--database-url", url});
    CHECK(refused.code == 1);
    CHECK(has(refused.errors, "GRANT synclog_app TO passer_by"));
  }
  durable_cluster().sql("postgres", "GRANT synclog_app TO passer_by");
  CHECK(run_command({"replay", "verify", "--database-url", url}).code == 0);
}

TEST_CASE("roles: an exported log enters an empty one only by its owner, who is asked for by name") {
  const temporary_folder place;
  const std::string file = place.file("log.ndjson");
  std::string log_id;
  {
    const std::string source = tidy_database();
    const tidy_server server(source, {"--owner-url", owner_url(source)});
    REQUIRE(server.post("/api/clients", one_client).status == 201);
    REQUIRE(run_command({"replay", "export", file, "--database-url", service_url(source)}).code == 0);
    log_id = server.sql("SELECT log_id FROM synclog.log_meta");
  }
  const std::string target = tidy_database();
  REQUIRE(run_command({"migrate", "up", "--owner-url", owner_url(target)}).code == 0);
  const words importing{"replay", "import", file, "--database-url", service_url(target)};
  const auto refused = run_command(importing);
  CHECK(refused.code == 1);
  CHECK(has(refused.errors,
            "only the owner of an empty log may give it the identity of an exported one; fix: name him "
            "with --owner-url (SYNCLOG_OWNER_URL)"));
  CHECK(tidy_cluster().sql(target, "SELECT count(*) FROM synclog.events") == "0");
  CHECK(tidy_cluster().sql(target, "SELECT log_id FROM synclog.log_meta") != log_id);
  const auto done = run_command(importing + words{"--owner-url", owner_url(target)});
  REQUIRE_MESSAGE(done.code == 0, done.errors);
  CHECK(tidy_cluster().sql(target, "SELECT log_id FROM synclog.log_meta") == log_id);
  CHECK(
      tidy_cluster().sql(
          target, "SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'") ==
      "synclog_app");
  CHECK(run_command({"replay", "verify", "--database-url", service_url(target)}).code == 0);
  // What goes on behind it needs no owner.
  CHECK(run_command(importing).code == 0);
}

TEST_CASE(
    "roles: a read table of somebody else is named with the statement that gives it to the service role") {
  server_fixture server;
  REQUIRE(server.post("/api/clients", one_client).status == 201);
  CHECK(server.stop() == 0);
  server.sql(
      "DROP ROLE IF EXISTS table_owner; CREATE ROLE table_owner; ALTER TABLE clients OWNER TO table_owner");
  server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON clients TO synclog_app");
  const std::string fix = "fix, as table_owner or a superuser: ALTER TABLE clients OWNER TO synclog_app";
  for (const words& command :
       {words{"serve", "--listen", "127.0.0.1:0"}, words{"replay", "rebuild", "clients"}}) {
    const auto refused = run_command(command + words{"--database-url", server.database_url()});
    CHECK(refused.code == 1);
    CHECK(has(refused.errors, fix));
  }
  const auto defects = run_command({"migrate", "verify", "--database-url", server.database_url()});
  CHECK(defects.code == 4);
  server.sql("ALTER TABLE clients OWNER TO synclog_app");
  server.start();
  CHECK(server.post("/api/clients", one_client).status == 201);
}

TEST_CASE("roles: what the service role puts into schema public is not run by the owner") {
  const std::string database = tidy_database();
  REQUIRE(run_command({"migrate", "up", "--owner-url", owner_url(database)}).code == 0);
  // PostgreSQL prefers a function whose parameters fit better, wherever on the search_path it is.
  tidy_cluster().sql(database,
                     "SET ROLE synclog_app; CREATE TABLE trapped (who text); GRANT ALL ON trapped TO PUBLIC");
  for (const char* signature :
       {"concat_ws(text, bigint, oid)", "format(text, text, text)", "format(text, text, text, text)",
        "format(text, name, name)", "format(text, text)", "concat_ws(text, bool, bool)"})
    tidy_cluster().sql(
        database, fmt::format("SET ROLE synclog_app; CREATE FUNCTION public.{} RETURNS text LANGUAGE sql AS "
                              "$$INSERT INTO public.trapped VALUES (current_user); SELECT ''$$",
                              signature));
  const words both{"--database-url", service_url(database), "--owner-url", owner_url(database)};
  for (const words& command : {words{"migrate", "up"}, words{"migrate", "status"}, words{"migrate", "verify"},
                               words{"token", "list"}})
    CHECK(run_command(command + both).code == 0);
  const tidy_server server(database, {"--owner-url", owner_url(database)});
  CHECK(server.sql("SELECT count(*) FROM trapped WHERE who <> 'synclog_app'") == "0");
}

TEST_CASE("roles: a database that can lose what it acknowledges is not served, and the fix is named") {
  const std::string database = migrated_database(durable_cluster());
  const words serve{"serve", "--listen", "127.0.0.1:0", "--database-url", durable_cluster().url(database)};
  const auto refusal = [&](const std::string& change, const std::string& undo) {
    durable_cluster().sql(database, change);
    const auto refused = run_command(serve);
    durable_cluster().sql(database, undo);
    CHECK(refused.code == 1);
    return refused.errors;
  };
  CHECK(has(refusal("ALTER TABLE synclog.events SET UNLOGGED", "ALTER TABLE synclog.events SET LOGGED"),
            "ALTER TABLE synclog.events SET LOGGED"));
  CHECK(has(refusal("ALTER ROLE postgres IN DATABASE " + database + " SET synchronous_commit = off",
                    "ALTER ROLE postgres IN DATABASE " + database + " RESET ALL"),
            "Set synchronous_commit = on: ALTER ROLE postgres IN DATABASE " + database +
                " RESET synchronous_commit"));
  test_cluster quick; // fsync off
  const auto refused = run_command(
      {"serve", "--listen", "127.0.0.1:0", "--database-url", quick.url(migrated_database(quick))});
  CHECK(refused.code == 1);
  CHECK(has(refused.errors, "fsync = off: a crash would lose what was acknowledged. Set fsync = on"));
}

TEST_CASE(
    "roles: a data folder of the layout before, with read tables of the owner, is taken over and serves") {
  const std::string data = "/tmp/synclog-earlier-" + std::to_string(getpid());
  const auto remove = [&data] {
    std::error_code ignored;
    std::filesystem::remove_all(data, ignored);
  };
  remove();
  {
    auto cluster = eventstore::pg::embedded_cluster::start({.data_dir = data, .bin_dir = {}, .settings = {}});
    REQUIRE_MESSAGE(cluster.has_value(), (cluster ? "" : cluster.error().detail));
    const std::string owner = (*cluster)->urls().owner;
    REQUIRE(migrations::up(owner, {.files = migrations::embedded_migration_files().first(2)}).has_value());
    const auto entities = core::catalog::load("");
    REQUIRE(entities.has_value());
    projections::prepare_read_tables(owner, "", *entities);
    eventstore::pg::plain_connection db(owner, "", "test");
    db.run("GRANT SELECT ON clients TO PUBLIC"); // of somebody's reports: it stays
    CHECK(db.run("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'")
              .text(0, 0) == "synclog_owner");
  }
  {
    command_run serving({"serve", "--data-dir", data, "--listen", "127.0.0.1:0"},
                        "env -u DATABASE_URL -u SYNCLOG_OWNER_URL");
    http_client client(port_of(serving));
    CHECK(has(serving.errors(), "migrated: 003 roles"));
    CHECK(!has(serving.errors(), "could alter"));
    CHECK(client.request("POST", "/api/clients", {{"Content-Type", "application/json"}}, one_client).status ==
          201);
    const auto ready = client.request("GET", "/readyz?verbose", {}, "");
    CHECK(has(ready.body, R"("warnings":[])"));
    const auto rebuilt = on_folder({"replay", "rebuild", "clients", "--data-dir", data});
    CHECK_MESSAGE(rebuilt.code == 0, rebuilt.errors);
    CHECK(on_folder({"replay", "verify", "--data-dir", data}).code == 0);
    CHECK(on_folder({"migrate", "verify", "--data-dir", data}).code == 0);
    CHECK(serving.end_by(SIGTERM) == 0);
  }
  {
    auto cluster = eventstore::pg::embedded_cluster::start({.data_dir = data, .bin_dir = {}, .settings = {}});
    REQUIRE(cluster.has_value());
    eventstore::pg::plain_connection db((*cluster)->urls().service, "", "test");
    CHECK(db.run("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'")
              .text(0, 0) == "synclog_app");
    CHECK(db.run("SELECT has_table_privilege('public', 'clients', 'SELECT')").text(0, 0) == "t");
    CHECK(db.run("SELECT session_user || ' ' || current_user").text(0, 0) == "synclog_app synclog_app");
    CHECK_THROWS_AS(db.run("SET ROLE synclog_owner"), eventstore::pg::query_failed);
    CHECK_THROWS_AS(db.run("SET ROLE postgres"), eventstore::pg::query_failed);
    CHECK_THROWS_AS(db.run("SET SESSION AUTHORIZATION synclog_owner"), eventstore::pg::query_failed);
  }
  remove();
}
