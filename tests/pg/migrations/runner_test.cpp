// The migration runner against real databases: what it applies, refuses and reports.
#include "migrations/runner.hpp"
#include "pg/migrations/log_database.hpp"
#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <thread>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::problem_code;

namespace {

using file = std::pair<std::string_view, std::string_view>;

std::string fresh() {
  return test_cluster::shared().fresh_database();
}
std::string at(const std::string& database) {
  return test_cluster::shared().conninfo(database);
}
std::string_view real_first() {
  return migrations::embedded_migration_files().front().second;
}

std::vector<file> all_files() {
  const auto all = migrations::embedded_migration_files();
  return {all.begin(), all.end()};
}

// Every real migration, and one more that the test brings.
std::vector<file> with_another(std::string_view sql) {
  static const auto name = fmt::format("{:03}_more.sql", all_files().size() + 1);
  auto files = all_files();
  files.emplace_back(name, sql);
  return files;
}
std::string another_label() {
  return fmt::format("{:03} more", all_files().size() + 1);
}

template <class T>
std::string words(const core::result<T>& answer) {
  return answer ? std::string() : answer.error().detail;
}

} // namespace

TEST_CASE("migrate up: an empty database becomes current, and a second run does nothing") {
  const std::string database = fresh();
  CHECK(migrations::check(at(database)).value() == migrations::schema_state::empty);
  const auto first = migrations::up(at(database));
  REQUIRE_MESSAGE(first.has_value(), words(first));
  CHECK(first->before == migrations::schema_state::empty);
  CHECK(first->applied.size() == migrations::embedded_migration_files().size());
  CHECK(first->applied.at(0) == "001 event_log");
  const auto second = migrations::up(at(database));
  REQUIRE(second.has_value());
  CHECK(second->before == migrations::schema_state::current);
  CHECK(second->applied.empty());
  CHECK(migrations::check(at(database)).value() == migrations::schema_state::current);
  const auto status = migrations::status(at(database));
  REQUIRE(status.has_value());
  CHECK(status->at(0).is == migrations::status_row::state::applied);
  CHECK(status->at(0).applied_by == "postgres");
  const auto defects = migrations::verify(at(database));
  REQUIRE(defects.has_value());
  CHECK(defects->empty());
}

TEST_CASE("migrate up: a dry run names what it would do and leaves nothing behind") {
  const std::string database = fresh();
  const auto planned = migrations::up(at(database), {.dry_run = true});
  REQUIRE_MESSAGE(planned.has_value(), words(planned));
  CHECK(planned->applied.size() == migrations::embedded_migration_files().size());
  CHECK(migrations::check(at(database)).value() == migrations::schema_state::empty);
}

TEST_CASE("migrate up: several at once on one database apply each migration once") {
  const std::string database = fresh();
  std::atomic<int> applied{0}, failed{0};
  std::vector<std::thread> runners;
  for (int i = 0; i < 6; ++i) {
    runners.emplace_back([&] {
      const auto done = migrations::up(at(database));
      if (done)
        applied += static_cast<int>(done->applied.size());
      else
        ++failed;
    });
  }
  for (std::thread& runner : runners)
    runner.join();
  CHECK(failed == 0);
  CHECK(applied == static_cast<int>(migrations::embedded_migration_files().size()));
}

TEST_CASE("migrate up: several databases of a new cluster at once agree on the service role") {
  test_cluster cluster({.durable = true, .settings = {}});
  std::vector<std::string> databases;
  for (int i = 0; i < 4; ++i)
    databases.push_back(cluster.fresh_database());
  std::vector<std::string> problems(databases.size());
  std::vector<std::thread> runners;
  for (std::size_t i = 0; i < databases.size(); ++i) {
    runners.emplace_back([&, i] { problems[i] = words(migrations::up(cluster.conninfo(databases[i]))); });
  }
  for (std::thread& runner : runners)
    runner.join();
  for (const std::string& problem : problems)
    CHECK(problem == "");

  SUBCASE("durability: a cluster at its defaults passes; one that may lose commits is refused with the "
          "setting's name") {
    CHECK(words(migrations::check_durability(cluster.conninfo(databases[0]))) == "");
    cluster.sql("postgres", "ALTER DATABASE " + databases[0] + " SET synchronous_commit = off");
    const auto refused = migrations::check_durability(cluster.conninfo(databases[0]));
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == problem_code::precondition_failed);
    CHECK(refused.error().detail.find("synchronous_commit = off") != std::string::npos);
    cluster.sql("postgres", "ALTER DATABASE " + databases[1] + " SET default_transaction_read_only = on");
    CHECK(words(migrations::check_durability(cluster.conninfo(databases[1]))).find("read-only") !=
          std::string::npos);
  }
}

TEST_CASE("durability: fsync off is refused") {
  CHECK(words(migrations::check_durability(at("postgres"))).find("fsync = off") != std::string::npos);
}

TEST_CASE("migrate up: another migration is applied on top, and an older program sees a newer database") {
  const std::string database = migrated_database();
  const auto files = with_another("CREATE TABLE synclog.more (id text)");
  CHECK(migrations::check(at(database), {.files = files}).value() == migrations::schema_state::older);
  const auto done = migrations::up(at(database), {.files = files});
  REQUIRE_MESSAGE(done.has_value(), words(done));
  CHECK(done->applied == std::vector<std::string>{another_label()});
  CHECK(migrations::check(at(database), {.files = std::span(files).first(files.size() - 1)}).value() ==
        migrations::schema_state::newer);
  const auto refused = migrations::up(at(database), {.files = std::span(files).first(files.size() - 1)});
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == problem_code::precondition_failed);
  CHECK(migrations::status(at(database), {.files = std::span(files).first(files.size() - 1)})->back().is ==
        migrations::status_row::state::unknown);
}

TEST_CASE("migrate up: a changed file, a gap and a foreign schema are refused") {
  const std::string database = migrated_database();
  const std::string edited = std::string(real_first()) + "-- edited\n";
  auto changed = all_files();
  changed.front().second = edited;
  CHECK(migrations::up(at(database), {.files = changed}).error().code == problem_code::precondition_failed);
  CHECK(migrations::check(at(database), {.files = changed}).error().code ==
        problem_code::precondition_failed);
  CHECK(migrations::status(at(database), {.files = changed})->at(0).is ==
        migrations::status_row::state::changed);
  CHECK(migrations::verify(at(database), {.files = changed})->size() == 1);

  test_cluster::shared().sql(database, "INSERT INTO synclog.migrations VALUES (7, 'x', sha256(''))");
  CHECK(words(migrations::up(at(database))).find("migration 7 but not") != std::string::npos);

  const std::string foreign = fresh();
  test_cluster::shared().sql(foreign, "CREATE SCHEMA synclog");
  CHECK(migrations::up(at(foreign)).error().code == problem_code::precondition_failed);
}

TEST_CASE("migrate up: a failing migration is rolled back whole and said plainly") {
  const std::string database = migrated_database();
  const auto files = with_another("CREATE TABLE synclog.half (id text); SELECT 1 / 0");
  const auto failed = migrations::up(at(database), {.files = files});
  REQUIRE(!failed.has_value());
  CHECK(failed.error().detail.find(another_label() + " failed and left nothing behind: division by zero") !=
        std::string::npos);
  CHECK(test_cluster::shared().sql(database, "SELECT to_regclass('synclog.half') IS NULL") == "t");
  CHECK(migrations::check(at(database)).value() == migrations::schema_state::current);
}

TEST_CASE("migrate up: a lock held by somebody else is waited for only so long") {
  const std::string database = migrated_database();
  const auto files =
      with_another("ALTER TABLE synclog.definitions ADD COLUMN note text; SELECT pg_sleep(30)");
  // The lock of a runner at work in its sleep stops the second one.
  std::thread busy([&] { (void)migrations::up(at(database), {.files = files}); });
  const auto locked = [&] {
    return test_cluster::shared().sql(
               database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query "
                         "LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()") != "0";
  };
  for (int i = 0; i < 2000 && !locked(); ++i)
    std::this_thread::yield();
  const auto refused = migrations::up(at(database), {.wait_for_others = 50ms, .files = files});
  CHECK(refused.error().code == problem_code::overloaded);
  test_cluster::shared().sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query "
                                       "LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()");
  busy.join();
  CHECK(migrations::check(at(database), {.files = files}).value() == migrations::schema_state::older);
}

TEST_CASE("migrate verify: a switched-off trigger and widened rights are found") {
  const std::string database = migrated_database();
  test_cluster::shared().sql(
      database,
      "ALTER TABLE synclog.events ENABLE TRIGGER append_only; GRANT UPDATE ON synclog.events TO synclog_app;"
      " GRANT SELECT ON synclog.events TO PUBLIC");
  const auto defects = migrations::verify(at(database));
  REQUIRE(defects.has_value());
  CHECK(defects->size() == 3);
}

TEST_CASE("migrate verify: a changed type of the rows that are sent is found") {
  const std::string database = migrated_database();
  CHECK(migrations::verify(at(database))->empty());
  test_cluster::shared().sql(database, "ALTER TYPE synclog.record_row ADD ATTRIBUTE more text");
  const auto defects = migrations::verify(at(database));
  REQUIRE(defects->size() == 1);
  CHECK(defects->front().find("synclog.record_row") != std::string::npos);
}

TEST_CASE("migration 4: the log and the read tables that stand are vacuumed slower, unless somebody chose "
          "otherwise") {
  const auto earlier = migrations::embedded_migration_files().first(3);
  const std::string database = test_cluster::shared().fresh_database();
  REQUIRE(migrations::up(at(database), {.files = earlier}).has_value());
  test_cluster::shared().sql(database, R"(
    CREATE TABLE stands (id text); CREATE TABLE chosen (id text) WITH (autovacuum_vacuum_cost_limit = 900);
    CREATE TABLE mine (id text);
    ALTER TABLE stands OWNER TO synclog_app; ALTER TABLE chosen OWNER TO synclog_app;
    INSERT INTO synclog.read_tables VALUES ('stands', 'stands', ''), ('chosen', 'chosen', ''))");
  REQUIRE(migrations::up(at(database)).has_value());
  const auto options_of = [&database](const std::string& table) {
    return test_cluster::shared().sql(database,
                                      "SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = '" +
                                          table + "'::regclass");
  };
  CHECK(options_of("synclog.events").ends_with(",autovacuum_vacuum_cost_delay=5"));
  CHECK(options_of("stands") == "autovacuum_vacuum_cost_delay=5");
  CHECK(options_of("chosen") == "autovacuum_vacuum_cost_limit=900");
  CHECK(options_of("mine") == "");
}

TEST_CASE("migrate: an unreachable database is told from a bad one") {
  const auto refused = migrations::up("host=/nonexistent dbname=x");
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == problem_code::database_unavailable);
  CHECK(migrations::check(at("no_such_database")).error().code == problem_code::database_unavailable);
}

TEST_CASE("migrate up: a login that may not create roles is told what to run") {
  test_cluster cluster;
  cluster.sql("postgres", "CREATE ROLE plain LOGIN");
  cluster.sql("postgres", "CREATE DATABASE owned OWNER plain");
  const std::string who = cluster.conninfo("owned", "plain");
  CHECK(words(migrations::up(who)).find("CREATE ROLE synclog_app; GRANT synclog_app TO plain;") !=
        std::string::npos);
  cluster.sql("postgres", "CREATE ROLE synclog_app");
  CHECK(words(migrations::up(who)).find("GRANT synclog_app TO plain;") != std::string::npos);
  cluster.sql("postgres", "GRANT synclog_app TO plain");
  CHECK(words(migrations::up(who)) == "");
  CHECK(migrations::verify(who)->empty());
}

TEST_CASE("migrate: files out of order or badly named are refused") {
  const std::array<file, 2> gap{file{"001_a.sql", ""}, file{"003_c.sql", ""}};
  CHECK(!migrations::list_migrations(gap).has_value());
  const std::array<file, 2> twice{file{"001_a.sql", ""}, file{"1_b.sql", ""}};
  CHECK(!migrations::list_migrations(twice).has_value());
  const std::array<file, 1> nameless{file{"first.sql", ""}};
  CHECK(!migrations::list_migrations(nameless).has_value());
  const std::array<file, 2> reversed{file{"002_b.sql", ""}, file{"001_a.sql", ""}};
  const auto listed = migrations::list_migrations(reversed);
  REQUIRE(listed.has_value());
  CHECK(listed->at(0).name == "a");
}
