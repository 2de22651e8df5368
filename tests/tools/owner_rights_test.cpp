// What of the service role's, put where the owner comes by, must not run with the owner's rights; and who
// does not need the owner does not log in as him.
#include "command_run.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tidy_site.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog::tests;

namespace {

std::string tidy_log() {
  const std::string database = tidy_database();
  const auto made = run_command({"migrate", "up", "--owner-url", owner_url(database)});
  REQUIRE_MESSAGE(made.code == 0, made.errors);
  return database;
}

words as_both(const std::string& database) {
  return {"--database-url", service_url(database), "--owner-url", owner_url(database)};
}

std::string sql(const std::string& database, const std::string& statements) {
  return tidy_cluster().sql(database, statements);
}

// Each fits better than PostgreSQL's own, where the search_path leads to it: the types are exactly those of
// the catalogs' columns. They do what those do, for the service; for anybody else they open the session for
// writing and end the statement.
constexpr const char* planted = R"sql(
  SET ROLE synclog_app;
  CREATE FUNCTION public.trap(place text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_catalog.set_config('default_transaction_read_only', 'off', false);
    IF current_user <> 'synclog_app' THEN RAISE EXCEPTION 'trapped in %: %', place, current_user; END IF;
  END $$;
  CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE sql AS
    $$ SELECT public.trap('quote_ident'); SELECT pg_catalog.quote_ident($1::text) $$;
  CREATE FUNCTION public.collect(text, name, text) RETURNS text LANGUAGE sql AS
    $$ SELECT public.trap('string_agg'); SELECT pg_catalog.concat($1 || $3, $2::text) $$;
  CREATE AGGREGATE public.string_agg(name, text) (SFUNC = public.collect, STYPE = text);
  CREATE FUNCTION public.is_equal(oid, regclass) RETURNS boolean LANGUAGE sql AS
    $$ SELECT public.trap('operator ='); SELECT $1 OPERATOR(pg_catalog.=) $2::oid $$;
  CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.is_equal);
  CREATE FUNCTION public.to_json(text[]) RETURNS json LANGUAGE sql AS
    $$ SELECT public.trap('to_json'); SELECT pg_catalog.to_json($1) $$)sql";

} // namespace

TEST_CASE("owner's rights: what the service role put into schema public is not run by `import --table`") {
  const std::string database = tidy_log();
  sql(database, "SET ROLE log_owner; CREATE TABLE people (id text PRIMARY KEY, full_name text, tags text[]); "
                "INSERT INTO people VALUES ('a', 'Ana', '{x,y}')");
  sql(database, planted);
  const words import{"import", "--table", "people", "--entity", "clients"};
  for (const words& mode : {words{"--dry-run"}, words{}}) {
    const auto done = run_command(import + as_both(database) + mode);
    CHECK_MESSAGE(done.code == 0, done.errors);
    CHECK(!has(done.errors, "trapped"));
  }
  CHECK(sql(database, "SELECT id || ' ' || full_name || ' ' || data FROM clients") ==
        R"(a Ana {"tags":["x","y"]})");
  // Also on the way to saying what lacks.
  sql(database, "CREATE SCHEMA closed; CREATE TABLE closed.people (id text PRIMARY KEY)");
  const auto refused =
      run_command(words{"import", "--table", "closed.people", "--entity", "clients"} + as_both(database));
  CHECK(refused.code == 1);
  CHECK(has(refused.errors, "role log_owner lacks USAGE on closed and SELECT on closed.people"));
}

TEST_CASE("owner's rights: a table of the service role is not read as the owner") {
  const std::string database = tidy_log();
  // An index may hold what runs when a query is planned.
  sql(database, R"(
    SET ROLE synclog_app;
    CREATE TABLE bait (id text PRIMARY KEY, full_name text);
    INSERT INTO bait VALUES ('a', 'Ana');
    CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN
      IF current_user <> 'synclog_app' THEN RAISE EXCEPTION 'trapped: %', current_user; END IF;
      RETURN 1;
    END $$;
    CREATE INDEX ON bait ((public.trap())))");
  const words import{"import", "--table", "bait", "--entity", "clients"};
  for (const words& key : {words{}, words{"--id-column", "full_name"}}) {
    const auto refused = run_command(import + as_both(database) + key);
    CHECK(refused.code == 1);
    CHECK(
        refused.errors ==
        "synclog: public.bait belongs to synclog_app, the role that serves, and what that puts into a table "
        "would run with the rights of log_owner; name a login that is synclog_app with --source-url\n");
  }
  const auto done = run_command(import + as_both(database) + words{"--source-url", service_url(database)});
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(sql(database, "SELECT full_name FROM clients") == "Ana");
}

TEST_CASE("owner's rights: a log enters an empty one with no way from the read tables to the owner") {
  const temporary_folder place;
  const std::string file = place.file("log.ndjson");
  {
    server_fixture source;
    REQUIRE(source.post("/api/clients", R"({"id":"a","full_name":"Ana"})").status == 201);
    REQUIRE(run_command({"replay", "export", file, "--database-url", source.database_url()}).code == 0);
  }
  const std::string database = tidy_log();
  {
    server_fixture server({.cluster = &tidy_cluster(), .database = database}); // makes the read tables
    REQUIRE(server.stop() == 0);
  }
  // The service role owns the tables that the import writes to.
  sql(database, R"(
    SET ROLE synclog_app;
    CREATE TABLE trapped (who text);
    GRANT INSERT ON trapped TO PUBLIC;
    CREATE FUNCTION climb() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_catalog.set_config('role', 'none', true);
      INSERT INTO public.trapped VALUES (current_user);
      PERFORM pg_catalog.set_config('role', 'synclog_app', true);
      RETURN NEW;
    END $$;
    CREATE TRIGGER climb BEFORE INSERT OR UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION climb())");
  const auto done = run_command(words{"replay", "import", file} + as_both(database));
  REQUIRE_MESSAGE(done.code == 0, done.errors);
  CHECK(has(done.output, "saved 1 events"));
  CHECK(sql(database, "SELECT string_agg(DISTINCT who, ' ') FROM trapped") == "synclog_app");
  CHECK(run_command({"replay", "verify", "--database-url", service_url(database)}).code == 0);
}

TEST_CASE(
    "owner's rights: a command that does not need the owner does not log in as him, and one that does looks "
    "whether it is one database") {
  const temporary_folder place;
  const std::string database = tidy_log();
  const words nobody{"--database-url", service_url(database), "--owner-url",
                     tidy_cluster().url(database, "no_such_login")};
  for (const words& command : {words{"token", "list"}, words{"replay", "verify"},
                               words{"replay", "export", place.file("log.ndjson")}}) {
    CAPTURE(command.at(1));
    const auto done = run_command(command + nobody);
    CHECK_MESSAGE(done.code == 0, done.errors);
  }
  sql(database, "SET ROLE log_owner; CREATE TABLE people (id text PRIMARY KEY, full_name text)");
  const words import{"import", "--table", "people", "--entity", "clients"};
  CHECK(run_command(import + nobody).code == 3);
  const auto elsewhere = run_command(
      import + words{"--database-url", service_url(database), "--owner-url", owner_url(tidy_log())});
  CHECK(elsewhere.code == 1);
  CHECK(has(elsewhere.errors, "they must be one database"));
  CHECK(run_command(import + as_both(database)).code == 0);
}

TEST_CASE("durability: an import and an undo ask before they save, as `serve` does") {
  const temporary_folder place;
  const std::string file = place.file("log.ndjson"), empty = migrated_database(durable_cluster());
  server_fixture server;
  REQUIRE(server.post("/api/clients", R"({"id":"a","full_name":"Ana"})").status == 201);
  server.sql(
      "CREATE TABLE people (id text PRIMARY KEY, full_name text); INSERT INTO people VALUES ('b', 'B')");
  REQUIRE(run_command({"replay", "export", file, "--database-url", server.database_url()}).code == 0);
  REQUIRE(server.stop() == 0);
  const auto said = [](const std::string& database, const words& command) {
    durable_cluster().sql(database, "ALTER TABLE synclog.events SET UNLOGGED");
    const words with = command + words{"--database-url", durable_cluster().url(database)};
    const auto refused = run_command(with);
    CHECK(refused.code == 1);
    CHECK(has(refused.errors, "table synclog.events is UNLOGGED: a crash would empty it. "
                              "ALTER TABLE synclog.events SET LOGGED"));
    const auto before = durable_cluster().sql(database, "SELECT count(*) FROM synclog.events");
    CHECK(run_command(with + words{"--dry-run"}).code == 0); // saves nothing
    CHECK(durable_cluster().sql(database, "SELECT count(*) FROM synclog.events") == before);
    durable_cluster().sql(database, "ALTER TABLE synclog.events SET LOGGED");
    const auto done = run_command(with);
    CHECK_MESSAGE(done.code == 0, done.errors);
  };
  said(empty, {"replay", "import", file});
  said(server.database(), {"import", "--table", "people", "--entity", "clients"});
  said(server.database(), {"replay", "undo", "--actor", "import:people"});
}
