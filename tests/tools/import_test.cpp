// `synclog import`: an ordinary table becomes records, once, and says what it could not take.
#include "command_run.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

using namespace synclog::tests;

namespace {

struct ended : ended_command {
  bool says(std::string_view part) const { return output.find(part) != std::string::npos; }
};

ended import(const std::string& database, words more) {
  words all{"import", "--database-url", durable_cluster().url(database)};
  all.insert(all.end(), more.begin(), more.end());
  return {run_command(all)};
}

std::string sql(const std::string& database, const std::string& statements) {
  return durable_cluster().sql(database, statements);
}

void check_verified(const std::string& database) {
  command_run verify({"replay", "verify", "--database-url", durable_cluster().url(database)});
  CHECK(verify.wait(std::chrono::minutes(1)) == 0);
}

constexpr const char* old_clients = R"(
  CREATE TABLE "Old Clients" (
    client_no integer PRIMARY KEY, "FullName" text, branch varchar(20), "dateOfBirth" date, phone text,
    seen timestamp, paid numeric(10,2), vip boolean, notes jsonb, tags text[], created_at timestamptz, email text);
  INSERT INTO "Old Clients" VALUES
    (1, 'Zoë "Z"', 'north', '1990-02-03', '081', '2026-11-23 04:05:06.5', 12.50, true, '{"a": [1, 2.50]}', '{x,y}',
     '2020-01-01', NULL),
    (2, 'B', NULL, NULL, NULL, 'infinity', 'NaN', NULL, NULL, NULL, NULL, ''),
    (3, NULL, 'south', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 'D', 'south', '0044-03-15 BC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))";

} // namespace

TEST_CASE("import: a table with odd columns becomes records, twice run once; what is refused is named") {
  const auto database = migrated_database(durable_cluster());
  sql(database, old_clients);
  const words table{"--table", "\"Old Clients\"", "--entity", "clients", "--branch", "west"};
  auto dry = table;
  dry.push_back("--dry-run");
  for (int round = 0; round < 2; ++round) { // before and after the read tables are made
    const auto tried = import(database, dry);
    CHECK(tried.code == 4);
    CHECK(tried.says("dry run, nothing was saved: 4 rows: 2 created, 0 updated, 0 unchanged, 2 rejected\n"));
    CHECK(sql(database, "SELECT count(*) FROM synclog.events") == "0");
    if (round == 0) {
      CHECK(sql(database, "SELECT count(*) FROM synclog.read_tables") == "0");
      sql(database, "CREATE TABLE none (id int PRIMARY KEY, full_name text)");
      CHECK(import(database, {"--table", "none", "--entity", "clients"}).code == 0);
    }
  }
  const auto rejects = "/tmp/synclog-rejects-" + database;
  auto saving = table;
  saving.insert(saving.end(), {"--rejects", rejects});
  const auto done = import(database, saving);
  CHECK(done.code == 4);
  CHECK(done.says("\nFullName     full_name       text"));
  CHECK(done.says("\nclient_no    data.client_no  integer"));
  CHECK(done.says("without a zone: taken as UTC\n"));
  CHECK(done.says("not taken\n"));
  CHECK(done.says("rejected 4: /date_of_birth must be a date that exists, like 2026-11-23\n"));
  CHECK(done.says("rejected 3: /full_name "));
  CHECK(done.says("4 rows: 2 created, 0 updated, 0 unchanged, 2 rejected\n"));
  CHECK(
      sql(database,
          "SELECT string_agg(action || ' ' || record_id || ' ' || (meta->>'actor'), '; ' ORDER BY position) "
          "FROM synclog.events") == "created 1 import:Old Clients; created 2 import:Old Clients");
  CHECK(sql(database,
            "SELECT full_name || ' ' || branch || ' ' || date_of_birth || ' ' || phone FROM clients "
            "WHERE id = '1'") == "Zoë \"Z\" north 1990-02-03 081");
  CHECK(
      sql(database, "SELECT data FROM clients WHERE id = '1'") ==
      R"({"client_no":1,"seen":"2026-11-23T04:05:06.500000Z","paid":12.50,"vip":true,"notes":{"a":[1,2.50]},"tags":["x","y"]})");
  CHECK(sql(database, "SELECT branch || ' ' || (email IS NULL) || ' ' || data FROM clients WHERE id = '2'") ==
        R"(west true {"client_no":2,"seen":"infinity","paid":"NaN"})");
  std::ifstream file(rejects);
  std::ostringstream lines;
  lines << file.rdbuf();
  CHECK(lines.str().find(R"({"key":"4","errors":[{"pointer":"/date_of_birth","detail":)") == 0);
  std::filesystem::remove(rejects);
  check_verified(database);

  const auto again = import(database, table);
  CHECK(again.says("4 rows: 0 created, 0 updated, 2 unchanged, 2 rejected\n"));
  sql(database, "UPDATE \"Old Clients\" SET phone = '082' WHERE client_no = 1; "
                "UPDATE \"Old Clients\" SET \"FullName\" = 'C' WHERE client_no = 3");
  const auto third = import(database, table);
  CHECK(third.says("4 rows: 1 created, 1 updated, 1 unchanged, 1 rejected\n"));
  check_verified(database);
}

TEST_CASE("import: columns go where --map says, and nowhere where --skip says") {
  const auto database = migrated_database(durable_cluster());
  sql(database, "CREATE TABLE people (code text PRIMARY KEY, who text, created_at date, password text); "
                "INSERT INTO people VALUES ('a', 'Ana', '1999-09-09', 'secret')");
  const auto done =
      import(database, {"--table", "people", "--entity", "clients", "--map", "who:fullName", "--map",
                        "created_at:date_of_birth", "--skip", "password", "--actor", "move"});
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(sql(database, "SELECT id || ' ' || full_name || ' ' || date_of_birth || ' ' || data FROM clients") ==
        R"(a Ana 1999-09-09 {"code":"a"})");
  CHECK(sql(database, "SELECT meta->>'actor' FROM synclog.events") == "move");
  const auto refused = [&](words more, int code = 2) {
    more.insert(more.begin(), {"--table", "people"});
    const auto tried = import(database, more);
    CHECK(tried.code == code);
    return tried.errors;
  };
  CHECK(refused({"--entity", "clients", "--map", "who"}) ==
        "synclog: --map who: a column and a field are written column:field\n");
  CHECK(refused({"--entity", "clients", "--map", "whose:email"})
            .starts_with("synclog: map names the column \"whose\""));
  CHECK(refused({"--entity", "clients", "--skip", "whose"})
            .starts_with("synclog: --skip names the column \"whose\""));
  CHECK(refused({"--entity", "pets"}) == "synclog: --entity: there is no pets\n");
  CHECK(refused({"--entity", "clients", "--id-column", "whose"}, 1) ==
        "synclog: people has no column whose\n");
}

TEST_CASE("import: many rows come page by page, of another database and by a key of several columns") {
  const auto database = migrated_database(durable_cluster());
  const auto other = durable_cluster().fresh_database();
  sql(other, "CREATE TABLE visits_2025 (year int, no text, \"visit_date\" timestamptz NOT NULL, PRIMARY KEY "
             "(year, no)); "
             "INSERT INTO visits_2025 SELECT 2025 + i % 2, CASE i WHEN 7 THEN 'a:b%' ELSE i::text END, "
             "'2025-01-01T00:00:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 3456) i");
  const words all{"--table", "visits_2025",  "--entity",
                  "visits",  "--source-url", durable_cluster().url(other)};
  const auto done = import(database, all);
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(done.says("3456 rows: 3456 created, 0 updated, 0 unchanged, 0 rejected\n"));
  CHECK(sql(database, "SELECT count(*) || ' ' || count(DISTINCT id) FROM visits") == "3456 3456");
  CHECK(sql(database, "SELECT visit_date FROM visits WHERE id = '2026:a%3Ab%25'") == "2025-01-01");
  CHECK(import(database, all).says("3456 rows: 0 created, 0 updated, 3456 unchanged, 0 rejected\n"));
  check_verified(database);
}

TEST_CASE("import: a table without a unique key needs a column that names its rows, checked to do so") {
  const auto database = migrated_database(durable_cluster());
  sql(database, "CREATE TABLE loose (no int, full_name text, grp int); "
                "INSERT INTO loose SELECT i, 'N', i / 2 FROM generate_series(1, 20) i; "
                "CREATE UNIQUE INDEX ON loose (no)"); // nullable: names no row surely
  const words table{"--table", "loose", "--entity", "clients"};
  const auto by = [&](const std::string& column) {
    auto all = table;
    all.insert(all.end(), {"--id-column", column});
    return import(database, all);
  };
  const auto refused = import(database, table);
  CHECK(refused.code == 1);
  CHECK(refused.errors ==
        "synclog: loose has no primary key and no other unique key without NULLs; name a column "
        "that tells its rows apart with --id-column\n");
  CHECK(by("grp").errors.starts_with("synclog: grp is "));
  CHECK(by("no").says("20 rows: 20 created"));
  sql(database, "INSERT INTO loose VALUES (NULL, 'N', 99)");
  CHECK(by("no").errors == "synclog: no is NULL in some rows of loose\n");
}

TEST_CASE("import: a table in the read table's place is moved first, and no table of the log is taken") {
  const auto database = migrated_database(durable_cluster());
  sql(database,
      "CREATE TABLE clients (id text PRIMARY KEY, full_name text); INSERT INTO clients VALUES ('k', 'K')");
  const auto refused = import(database, {"--table", "clients", "--entity", "clients"});
  CHECK(refused.code == 1);
  CHECK(
      refused.errors ==
      "synclog: public.clients stands where the read table of clients must be; move it first: CREATE SCHEMA "
      "before; ALTER TABLE public.\"clients\" SET SCHEMA before; then --table 'before.\"clients\"'\n");
  sql(database, "CREATE SCHEMA before; ALTER TABLE public.\"clients\" SET SCHEMA before");
  const auto done = import(database, {"--table", "before.\"clients\"", "--entity", "clients"});
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(sql(database, "SELECT id || ' ' || full_name || ' ' || version FROM clients") == "k K 1");
  CHECK(sql(database, "SELECT meta->>'actor' FROM synclog.events") == "import:before.clients");
  CHECK(import(database, {"--table", "clients", "--entity", "clients"}).errors ==
        "synclog: public.clients is the read table of clients: it is made from the log\n");
  CHECK(import(database, {"--table", "synclog.events", "--entity", "clients"}).errors ==
        "synclog: events belongs to the log itself\n");
  CHECK(import(database, {"--table", "no such; table", "--entity", "clients"}).errors ==
        "synclog: there is no table no such; table\n");
  check_verified(database);
}

TEST_CASE("import: a right that lacks is named with its role and the GRANT, before anything is written") {
  const auto database = migrated_database(durable_cluster());
  const auto other = durable_cluster().fresh_database();
  sql(other,
      "CREATE SCHEMA \"Before\"; CREATE TABLE \"Before\".people (id text PRIMARY KEY, full_name text); "
      "INSERT INTO \"Before\".people VALUES ('a', 'Ana'); DO $$ BEGIN CREATE ROLE \"Some body\" LOGIN; "
      "EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  const auto adopt = [&](words more = {}) {
    more.insert(more.begin(), {"--table", "\"Before\".people", "--entity", "clients", "--source-url",
                               durable_cluster().conninfo(other) + " options='-c role=Some\\\\ body'"});
    return import(database, more);
  };
  const std::string usage = "USAGE on \"Before\"", select = "SELECT on \"Before\".people";
  const std::string begins = "synclog: role Some body lacks ",
                    mends = "; whoever owns it, or a superuser, mends it:";
  const std::string grant_usage = " GRANT USAGE ON SCHEMA \"Before\" TO \"Some body\";",
                    grant_select = " GRANT SELECT ON \"Before\".people TO \"Some body\";";
  for (const words& mode : {words{"--dry-run"}, words{}}) {
    const auto refused = adopt(mode);
    CHECK(refused.code == 1);
    CHECK(refused.errors == begins + usage + " and " + select + mends + grant_usage + grant_select + "\n");
    CHECK(refused.output == "");
    CHECK(sql(database, "SELECT count(*) FROM synclog.read_tables") == "0");
  }
  sql(other, grant_usage);
  CHECK(adopt().errors == begins + select + mends + grant_select + "\n");
  // A right on each column is as good.
  sql(other, "GRANT SELECT (id) ON \"Before\".people TO \"Some body\"");
  CHECK(adopt().errors == begins + select + mends + grant_select + "\n");
  sql(other, "GRANT SELECT (full_name) ON \"Before\".people TO \"Some body\"");
  const auto done = adopt();
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(sql(database, "SELECT full_name FROM clients") == "Ana");
  // Rows that a policy hides are not left out in silence.
  sql(other, "ALTER TABLE \"Before\".people ENABLE ROW LEVEL SECURITY");
  const auto hidden = adopt();
  CHECK(hidden.code == 1);
  CHECK(hidden.errors.find("row-level security") != std::string::npos);
}
