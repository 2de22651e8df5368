// The private PostgreSQL: made, started, adopted, shared, supervised and stopped.
#include "eventstore/pg/embedded.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include "migrations/runner.hpp"
#include "pg/embedded/folder.hpp"
#include "support/wait.hpp"
#include <atomic>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <libpq-fe.h>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace synclog;
using namespace synclog::tests;
using eventstore::pg::embedded_cluster;
using origin = embedded_cluster::origin;
namespace fs = std::filesystem;

TEST_CASE("private PostgreSQL: a new folder becomes a durable cluster that only its roles can enter, stopped "
          "without a trace") {
  const throwaway_folder folder;
  auto cluster = started(folder.data_dir());
  CHECK(cluster->how() == origin::created);
  CHECK(cluster->data_dir() == folder.data_dir());
  const auto [owner, service, shell] = cluster->urls();
  CHECK(ask(owner, "SELECT current_user || '@' || current_database()") == "synclog_owner@synclog");
  CHECK(ask(service, "SELECT current_user || '@' || current_database()") == "synclog_app@synclog");
  CHECK(ask(owner, "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND (rolsuper OR "
                   "rolcreaterole OR rolcreatedb)") == "0");
  CHECK(ask(owner, "SELECT concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'), "
                   "current_setting('synchronous_commit'),"
                   " current_setting('data_checksums'), current_setting('listen_addresses'), "
                   "current_setting('max_wal_size'),"
                   " current_setting('server_encoding'), current_setting('lc_collate'))") ==
        "on on on on  1GB UTF8 C.UTF-8");
  CHECK(shell.find("psql -h") != std::string::npos);
  CHECK(ask(owner + " password=x hostaddr=127.0.0.1", "SELECT 1").starts_with("failed"));

  const auto migrated = migrations::up(owner);
  REQUIRE_MESSAGE(migrated.has_value(), (migrated ? "" : migrated.error().detail));
  CHECK(migrations::verify(service)->empty());
  CHECK(migrations::check_durability(service).has_value());

  const pid_t postmaster = postmaster_of(folder.data_dir());
  REQUIRE(postmaster != 0);
  cluster->stop();
  CHECK(!eventstore::pg::embedded::is_alive(postmaster));
  CHECK(!fs::exists(folder.data_dir() + "/pg/postmaster.pid"));
  cluster->stop();
  CHECK(ask(owner, "SELECT 1").starts_with("failed"));
}

TEST_CASE(
    "private PostgreSQL: an existing folder starts again within 1.5 s, or says what stands against it") {
  throwaway_folder folder;
  folder.fill();
  SUBCASE("an existing folder starts within 1.5 s") {
    const auto before = std::chrono::steady_clock::now();
    auto again = started(folder.data_dir());
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
    MESSAGE("start to ready: " << took.count() << " ms");
    CHECK(took.count() < 1'500);
    CHECK(again->how() == origin::started);
    CHECK(migrations::check(again->urls().owner).value() == migrations::schema_state::empty);
  }
  SUBCASE("a cluster of another major version is refused, naming the package") {
    std::ofstream(folder.data_dir() + "/pg/PG_VERSION") << "9\n";
    CHECK(refusal(folder.data_dir()).find("made by PostgreSQL 9") != std::string::npos);
  }
  SUBCASE("a stale pid file that names somebody else's process is no obstacle") {
    std::ofstream(folder.data_dir() + "/pg/postmaster.pid")
        << getpid() << "\n"
        << folder.data_dir() << "/pg\n1\n5432\n\n\n\nready\n";
    CHECK(started(folder.data_dir())->how() == origin::started);
  }
  SUBCASE("a broken setting is reported in PostgreSQL's own words") {
    const auto made = embedded_cluster::start(
        {.data_dir = folder.data_dir(), .bin_dir = {}, .settings = {"shared_buffers = 'much'"}});
    REQUIRE(!made.has_value());
    CHECK(made.error().detail.find("shared_buffers") != std::string::npos);
    CHECK(started(folder.data_dir())->how() == origin::started);
  }
}

TEST_CASE("private PostgreSQL: survives a kill -9 of its server and is adopted by the next") {
  throwaway_folder folder;
  folder.fill();
  other_process server(folder.data_dir(), other_process::kind::server);
  CHECK(server.await_started() == "started");
  const pid_t postmaster = postmaster_of(folder.data_dir());
  server.kill9();
  auto next = started(folder.data_dir());
  CHECK(next->how() == origin::adopted);
  CHECK(postmaster_of(folder.data_dir()) == postmaster);
  CHECK(ask(next->urls().service, "SELECT 1") == "1");

  SUBCASE("a subcommand that adopted it leaves it running") {
    next->stop();
    CHECK(postmaster_of(folder.data_dir()) == postmaster);
  }
  SUBCASE("a server that adopted it stops it") {
    next->supervise([](const std::string&) {});
    next->stop();
    CHECK(postmaster_of(folder.data_dir()) == 0);
  }
}

TEST_CASE("private PostgreSQL: what a killed subcommand has started, the next subcommand stops") {
  throwaway_folder folder;
  folder.fill();
  other_process killed(folder.data_dir(), other_process::kind::subcommand);
  CHECK(killed.await_started() == "started");
  const pid_t postmaster = postmaster_of(folder.data_dir());
  killed.kill9();
  auto next = started(folder.data_dir());
  CHECK(next->how() == origin::adopted);
  CHECK(postmaster_of(folder.data_dir()) == postmaster);
  next->stop();
  CHECK(postmaster_of(folder.data_dir()) == 0);
  CHECK(!fs::exists(folder.data_dir() + "/stop-when-idle"));
}

TEST_CASE("private PostgreSQL: a folder without a cluster is not touched by whoever may not make one") {
  const throwaway_folder folder;
  for (const std::string& place : {folder.data_dir() + "/typo", folder.data_dir() + "/none/typo"}) {
    const auto refused = embedded_cluster::start({.data_dir = place,
                                                  .bin_dir = {},
                                                  .settings = {},
                                                  .when_missing = eventstore::pg::missing_cluster::refuse});
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == core::problem_code::database_unavailable);
    CHECK(refused.error().detail.starts_with("there is no database in " + place + ": "));
    CHECK(!fs::exists(place));
  }
}

TEST_CASE(
    "private PostgreSQL: nobody stops a cluster that another synclog uses; the last one to leave does") {
  throwaway_folder folder;
  folder.fill();
  auto first = std::make_unique<other_process>(folder.data_dir(), other_process::kind::server);
  REQUIRE(first->await_started() == "started");
  auto second = std::make_unique<other_process>(folder.data_dir(), other_process::kind::subcommand);
  REQUIRE(second->await_started() == "adopted");
  const pid_t postmaster = postmaster_of(folder.data_dir());

  SUBCASE("the subcommand leaves first") {
    second->end();
    CHECK(postmaster_of(folder.data_dir()) == postmaster);
    first->end();
    CHECK(postmaster_of(folder.data_dir()) == 0);
  }
  SUBCASE("the server leaves first") {
    first->end();
    CHECK(postmaster_of(folder.data_dir()) == postmaster);
    second->end();
    CHECK(postmaster_of(folder.data_dir()) == 0);
    CHECK(!fs::exists(folder.data_dir() + "/stop-when-idle"));
  }
}

TEST_CASE("private PostgreSQL: several processes at once on a new folder make one cluster") {
  const throwaway_folder folder;
  std::vector<std::unique_ptr<other_process>> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(std::make_unique<other_process>(folder.data_dir(), other_process::kind::server));
  std::multiset<std::string> heard;
  for (const auto& one : all)
    heard.insert(one->await_started());
  CHECK(heard == std::multiset<std::string>{"adopted", "adopted", "created"});
  all.clear();
  CHECK(postmaster_of(folder.data_dir()) == 0);
}

TEST_CASE("private PostgreSQL: a killed postmaster is restarted while a server supervises, also with a busy "
          "orphan") {
  throwaway_folder folder;
  folder.fill();
  auto cluster = started(folder.data_dir());
  std::mutex mutex;
  std::vector<std::string> events;
  cluster->supervise([&](const std::string& what) {
    const std::lock_guard guard(mutex);
    events.push_back(what);
  });
  const std::string service = cluster->urls().service;
  REQUIRE(ask(cluster->urls().owner, "CREATE TABLE kept AS SELECT 1 AS n").starts_with("failed") == false);

  // A backend that never looks up: it would block a new postmaster for as long as it computes.
  std::thread busy([&] { ask(service, "SELECT count(*) FROM generate_series(1, 100000000000) a"); });
  REQUIRE(wait_until([&] {
    return ask(service, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%100000000000) a' AND pid "
                        "<> pg_backend_pid()") == "1";
  }));

  const pid_t killed = postmaster_of(folder.data_dir());
  kill(killed, SIGKILL);
  CHECK(wait_until(
      [&] { return ask(service, "SELECT 1") == "1" && postmaster_of(folder.data_dir()) != killed; }));
  busy.join();
  CHECK(ask(cluster->urls().owner, "SELECT n FROM kept") == "1");
  {
    const std::lock_guard guard(mutex);
    REQUIRE(events.size() >= 1);
    CHECK(events.front().find("has ended; restarting") != std::string::npos);
  }
  cluster->stop();
  CHECK(postmaster_of(folder.data_dir()) == 0);
}

TEST_CASE("private PostgreSQL: everything killed at once starts again") {
  throwaway_folder folder;
  folder.fill();
  other_process server(folder.data_dir(), other_process::kind::server);
  REQUIRE(server.await_started() == "started");
  const std::vector<pid_t> all = eventstore::pg::embedded::postgres_processes_in(folder.data_dir() + "/pg");
  CHECK(all.size() >= 5);
  server.kill9();
  for (const pid_t pid : all)
    kill(pid, SIGKILL);
  CHECK(started(folder.data_dir())->how() == origin::started);
}

TEST_CASE("private PostgreSQL: an initdb that was killed half-way is begun anew") {
  throwaway_folder folder;
  fs::create_directories(folder.data_dir());
  if (geteuid() == 0) {
    // The folder belongs to the user that PostgreSQL runs as, as the first attempt left it.
    fs::remove(folder.data_dir());
    folder.fill();
    fs::rename(folder.data_dir() + "/pg", folder.data_dir() + "/pg.part-1");
    fs::remove(folder.data_dir() + "/pg.part-1/PG_VERSION");
  } else {
    fs::create_directories(folder.data_dir() + "/pg.part-1/base");
  }
  CHECK(started(folder.data_dir())->how() == origin::created);
  CHECK(!fs::exists(folder.data_dir() + "/pg.part-1"));
}

TEST_CASE("private PostgreSQL: a folder too long for a socket gets a short socket folder elsewhere") {
  const throwaway_folder folder;
  const std::string deep = folder.path() + "/" + std::string(120, 'x');
  auto cluster = started(deep);
  CHECK(ask(cluster->urls().service, "SELECT 1") == "1");
  CHECK(!fs::exists(deep + "/run"));
  const std::string& service = cluster->urls().service;
  const auto host = service.find("'/tmp/synclog-");
  REQUIRE(host != std::string::npos);
  const std::string socket_dir = service.substr(host + 1, service.find('\'', host + 1) - host - 1);
  {
    other_process second(deep, other_process::kind::subcommand);
    CHECK(second.await_started() == "adopted");
  }
  cluster->stop();
  fs::remove_all(socket_dir);
}

TEST_CASE("private PostgreSQL: folders that cannot work are refused with the fix") {
  const throwaway_folder folder;
  std::ofstream(folder.path() + "/file") << "x";
  CHECK(refusal(folder.path() + "/file").find(folder.path() + "/file") != std::string::npos);
  if (geteuid() == 0) {
    const std::string closed = folder.path() + "/closed";
    fs::create_directory(closed);
    chmod(closed.c_str(), 0700);
    const std::string words = refusal(closed + "/data");
    CHECK(words.find("may not enter " + closed) != std::string::npos);
    CHECK(words.find("chmod o+x " + closed) != std::string::npos);
    const std::string full = folder.path() + "/full";
    fs::create_directory(full);
    std::ofstream(full + "/mine") << "x";
    CHECK(refusal(full).find("belongs to root and is not empty") != std::string::npos);
  }
  const std::string foreign = folder.path() + "/foreign";
  fs::create_directory(foreign);
  if (geteuid() != 0) {
    fs::create_directory(foreign + "/pg");
    CHECK(refusal(foreign).find("holds no PostgreSQL cluster") != std::string::npos);
  }
  const auto without =
      embedded_cluster::start({.data_dir = folder.data_dir(), .bin_dir = folder.path(), .settings = {}});
  REQUIRE(!without.has_value());
  CHECK(without.error().detail.find("no postgres and initdb in") != std::string::npos);
}
