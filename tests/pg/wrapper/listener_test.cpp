// LISTEN and NOTIFY: on a plain connection, and through the listener across outages.
#include "common.hpp"
#include "eventstore/pg/listener.hpp"
#include <doctest/doctest.h>
#include <mutex>
#include <vector>

using namespace synclog::tests;

TEST_CASE("notify: arrives on an idle connection and between answers, with its payload") {
  io_threads threads;
  const auto one = connect(threads);
  std::mutex mutex;
  std::vector<std::string> heard;
  one->on_notify([&](const pg::notification& note) {
    const std::lock_guard guard(mutex);
    heard.push_back(std::string(note.channel) + "=" + std::string(note.payload));
  });
  const auto count = [&] {
    const std::lock_guard guard(mutex);
    return heard.size();
  };
  REQUIRE(run_sql(threads, *one, "LISTEN news").ok());
  test_cluster::shared().sql("postgres", "SELECT pg_notify('news', 'idle')");
  REQUIRE(wait_until([&] { return count() == 1; }));
  REQUIRE(run_sql(threads, *one, "SELECT pg_notify('news', 'own')").ok());
  REQUIRE(wait_until([&] { return count() == 2; }));
  REQUIRE(run_sql(threads, *one, "NOTIFY unheard").ok());
  for (int i = 0; i < 100; ++i)
    test_cluster::shared().sql("postgres", "SELECT pg_notify('news', '" + std::to_string(i) + "')");
  REQUIRE(wait_until([&] { return count() == 102; }));
  const std::lock_guard guard(mutex);
  CHECK(heard[0] == "news=idle");
  CHECK(heard[1] == "news=own");
  CHECK(heard[101] == "news=99");
}

TEST_CASE("listener: hints at connect, after a NOTIFY, and after each reconnect; silent after stop") {
  test_cluster own;
  io_threads threads;
  std::atomic<int> hints{0};
  pg::listener one(threads.executor(), to(own), "log \"head\"", [&hints] { ++hints; });
  REQUIRE(wait_until([&] { return hints == 1 && one.connected(); }));
  own.sql("postgres", "NOTIFY \"log \"\"head\"\"\"");
  REQUIRE(wait_until([&] { return hints == 2; }));
  own.sql("postgres", "NOTIFY another_channel");
  own.kill9();
  REQUIRE(wait_until([&] { return !one.connected(); }));
  own.start();
  REQUIRE(wait_until([&] { return one.connected() && hints == 3; }));
  own.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
  REQUIRE(wait_until([&] { return hints == 4; }));
  own.sql("postgres", "NOTIFY \"log \"\"head\"\"\"");
  REQUIRE(wait_until([&] { return hints == 5; }));
  threads.run(one.stop());
  CHECK_FALSE(one.connected());
  const auto sessions = [&] {
    return own.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'synclog'");
  };
  CHECK(wait_until([&] { return sessions() == "0"; }));
  own.sql("postgres", "NOTIFY \"log \"\"head\"\"\"");
  CHECK(hints == 5);
}

TEST_CASE("listener: hears others, not the backend that it is told is its own") {
  test_cluster own;
  io_threads threads;
  std::atomic<int> hints{0}, own_backend{0};
  pg::listener one(
      threads.executor(), to(own), "head", [&hints] { ++hints; },
      [&own_backend] { return own_backend.load(); });
  REQUIRE(wait_until([&] { return hints == 1 && one.connected(); }));
  const auto sender = connect(threads, to(own));
  REQUIRE(run_sql(threads, *sender, "NOTIFY head").ok());
  REQUIRE(wait_until([&] { return hints == 2; }));
  own_backend = sender->backend_pid();
  for (int i = 0; i < 10; ++i)
    REQUIRE(run_sql(threads, *sender, "NOTIFY head").ok());
  own.sql("postgres", "NOTIFY head");
  REQUIRE(wait_until([&] { return hints == 3; }));
  threads.run(one.stop());
  CHECK(hints == 3);
}

TEST_CASE("listener: stops while the database cannot be reached, and twice") {
  io_threads threads;
  pg::listener one(threads.executor(), at("host=/tmp/no-such-folder user=x"), "x", [] {});
  const auto start = pg::clock::now();
  threads.run(one.stop());
  threads.run(one.stop());
  CHECK(pg::clock::now() - start < 5s);
}
