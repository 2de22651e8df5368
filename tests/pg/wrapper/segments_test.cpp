// Segments on one connection: answers go to their callers, failures stay in their segment, statements are
// prepared and evicted, large things pass in both directions.
#include "common.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <doctest/doctest.h>
#include <random>

using namespace synclog::tests;

namespace {

// `count` coroutines, spread over the threads; returns when all have ended. The first exception is thrown.
template <class Make>
void run_many(io_threads& threads, int count, Make make) {
  std::atomic<int> left{count};
  std::mutex mutex;
  std::string first_error;
  for (int i = 0; i < count; ++i) {
    auto ended = [&](std::exception_ptr error) {
      if (error) {
        const std::lock_guard guard(mutex);
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& problem) {
          if (first_error.empty()) first_error = problem.what();
        }
      }
      --left;
    };
    asio::co_spawn(threads.context(), make(i), ended);
  }
  REQUIRE(wait_until([&left] { return left == 0; }, 120s));
  const std::lock_guard guard(mutex);
  CHECK(first_error == "");
}

const auto echo = statement("echo", "SELECT $1::bigint, $2::text");
const auto divide = statement("divide", "SELECT 10 / $1::bigint");

awaitable<void> echo_many(std::shared_ptr<pg::connection> one, int worker, int count,
                          std::atomic<int>* answered) {
  for (int i = 0; i < count; ++i) {
    const std::int64_t number = worker * 1'000'000LL + i;
    pg::params values;
    values.int8(number).text("w" + std::to_string(number));
    pg::segment work;
    work.add(echo, std::move(values));
    const pg::segment_result answer = co_await one->run(std::move(work), in(60s));
    if (!answer.ok() || answer.results.size() != 1) throw std::runtime_error("no answer");
    if (answer.results[0].int8(0, 0) != number) throw std::runtime_error("somebody else's number");
    if (answer.results[0].text(0, 1) != "w" + std::to_string(number))
      throw std::runtime_error("somebody else's text");
    ++*answered;
  }
}

// Segments of one to four queries; some fail at a known place.
awaitable<void> fail_some(std::shared_ptr<pg::connection> one, std::uint32_t seed, int count) {
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    const std::size_t queries = 1 + random() % 4;
    const std::size_t failing = random() % 8;
    pg::segment work;
    for (std::size_t q = 0; q < queries; ++q) {
      pg::params values;
      values.int8(q == failing ? 0 : 1);
      work.add(divide, std::move(values));
    }
    const pg::segment_result answer = co_await one->run(std::move(work), in(60s));
    const bool should_fail = failing < queries;
    if (answer.ok() == should_fail) throw std::runtime_error("wrong outcome, seed " + std::to_string(seed));
    if (answer.results.size() != std::min(failing, queries))
      throw std::runtime_error("wrong number of results");
    if (!should_fail) continue;
    if (answer.failed->query_index != failing) throw std::runtime_error("wrong query blamed");
    if (answer.failed->sqlstate != "22012")
      throw std::runtime_error("wrong SQLSTATE " + answer.failed->sqlstate);
  }
}

} // namespace

TEST_CASE("segments: 10,000 from many coroutines over several threads each get their own answer") {
  io_threads threads(4);
  const auto one = connect(threads);
  std::atomic<int> answered{0};
  run_many(threads, 100, [&](int worker) { return echo_many(one, worker, 100, &answered); });
  CHECK(answered == 10'000);
  CHECK(one->in_flight() == 0);
}

TEST_CASE("segments: thousands at once in the pipe") {
  io_threads threads(4);
  const auto one = connect(threads);
  std::atomic<int> answered{0};
  run_many(threads, 10'000, [&](int worker) { return echo_many(one, worker, 1, &answered); });
  CHECK(answered == 10'000);
}

TEST_CASE("segments: errors touch no neighbour") {
  io_threads threads(4);
  const auto one = connect(threads);
  run_many(threads, 50, [&](int worker) { return fail_some(one, static_cast<std::uint32_t>(worker), 40); });
  CHECK(run_sql(threads, *one, "SELECT 1").ok());
}

TEST_CASE("segments: an error takes the whole segment back, rows before it are reported") {
  io_threads threads;
  const auto one = connect(threads);
  REQUIRE(run_sql(threads, *one, "CREATE TEMP TABLE t (n int PRIMARY KEY)").ok());
  pg::segment work;
  work.add_sql("INSERT INTO t VALUES (1)")
      .add_sql("INSERT INTO t VALUES (1)")
      .add_sql("INSERT INTO t VALUES (2)");
  const auto answer = run(threads, *one, std::move(work));
  REQUIRE(answer.failed);
  CHECK(answer.results.size() == 1);
  CHECK(answer.results[0].affected() == 1);
  CHECK(answer.failed->query_index == 1);
  CHECK(answer.failed->sqlstate == "23505");
  CHECK(answer.failed->constraint == "t_pkey");
  CHECK(answer.failed->table == "t");
  CHECK(run_sql(threads, *one, "SELECT count(*) FROM t").results[0].int8(0, 0) == 0);
}

TEST_CASE("segments: a commit that fails at the Sync is a failure behind the last query") {
  io_threads threads;
  const auto one = connect(threads);
  REQUIRE(run_sql(threads, *one, "CREATE TEMP TABLE d (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)").ok());
  pg::segment work;
  work.add_sql("INSERT INTO d VALUES (1)").add_sql("INSERT INTO d VALUES (1)");
  const auto answer = run(threads, *one, std::move(work));
  REQUIRE(answer.failed);
  CHECK(answer.results.size() == 2);
  CHECK(answer.failed->query_index == 2);
  CHECK(answer.failed->sqlstate == "23505");
  CHECK(run_sql(threads, *one, "SELECT count(*) FROM d").results[0].int8(0, 0) == 0);
}

TEST_CASE("segments: run_ok throws the failure, an empty segment is answered, COPY closes the connection") {
  io_threads threads;
  const auto one = connect(threads);
  pg::segment wrong;
  wrong.add_sql("SELECT no_such_column");
  try {
    threads.run(one->run_ok(std::move(wrong), in(20s)));
    FAIL("nothing thrown");
  } catch (const pg::query_failed& problem) {
    CHECK(problem.info().sqlstate == "42703");
  }
  CHECK(run(threads, *one, {}).ok());
  CHECK_THROWS_AS(run_sql(threads, *one, "COPY (SELECT 1) TO STDOUT"), pg::connection_lost);
  CHECK_FALSE(one->is_open());
}

TEST_CASE("segments: a warning travels with its segment") {
  io_threads threads;
  const auto one = connect(threads);
  const auto answer = run_sql(threads, *one, "DO $$ BEGIN RAISE WARNING 'mind the gap'; END $$");
  REQUIRE(answer.warnings.size() == 1);
  CHECK(answer.warnings[0].sqlstate == "01000");
  CHECK(answer.warnings[0].message == "mind the gap");
  CHECK(run_sql(threads, *one, "SELECT 1").warnings.empty());
}

TEST_CASE("segments: what cannot be sent is refused before anything is") {
  io_threads threads;
  const auto one = connect(threads);
  pg::params many;
  for (int i = 0; i < 65'536; ++i)
    many.null();
  pg::segment work;
  work.add_sql("SELECT 1", std::move(many));
  CHECK_THROWS_AS(run(threads, *one, std::move(work)), std::length_error);
  CHECK(run_sql(threads, *one, "SELECT 1").ok());
}

TEST_CASE("transactions: BEGIN stays open over two segments, and ROLLBACK after a failure clears it") {
  io_threads threads;
  const auto one = connect(threads);
  REQUIRE(run_sql(threads, *one, "CREATE TEMP TABLE x (n int PRIMARY KEY)").ok());
  pg::segment first;
  first.add_sql("BEGIN").add_sql("INSERT INTO x VALUES (1)").add_sql("SELECT count(*) FROM x");
  auto answer = run(threads, *one, std::move(first));
  REQUIRE(answer.ok());
  CHECK(answer.results[0].command_tag() == "BEGIN");
  CHECK(answer.results[2].int8(0, 0) == 1);
  pg::segment second;
  second.add_sql("INSERT INTO x VALUES (2)").add_sql("COMMIT");
  answer = run(threads, *one, std::move(second));
  REQUIRE(answer.ok());
  CHECK(answer.results[1].command_tag() == "COMMIT");

  pg::segment again;
  again.add_sql("BEGIN").add_sql("INSERT INTO x VALUES (3)");
  REQUIRE(run(threads, *one, std::move(again)).ok());
  pg::segment failing;
  failing.add_sql("INSERT INTO x VALUES (3)").add_sql("COMMIT");
  answer = run(threads, *one, std::move(failing));
  REQUIRE(answer.failed);
  CHECK(answer.failed->sqlstate == "23505");
  CHECK(run_sql(threads, *one, "SELECT 1").failed->sqlstate == "25P02");
  CHECK(run_sql(threads, *one, "ROLLBACK").results[0].command_tag() == "ROLLBACK");
  CHECK(run_sql(threads, *one, "SELECT count(*) FROM x").results[0].int8(0, 0) == 2);
}

TEST_CASE("statements: many more than the cache holds, again and again, and the server forgets them too") {
  io_threads threads(4);
  const auto one = connect(threads);
  const auto use = [&](int number) -> awaitable<void> {
    return [](std::shared_ptr<pg::connection> where, int n) -> awaitable<void> {
      for (int round = 0; round < 3; ++round) {
        pg::segment work;
        work.add(statement("s" + std::to_string(n), "SELECT " + std::to_string(n)));
        const auto answer = co_await where->run_ok(std::move(work), in(60s));
        if (answer.results[0].int8(0, 0) != n) throw std::runtime_error("another statement's answer");
      }
    }(one, number);
  };
  run_many(threads, 900, use);
  const auto prepared = [&] {
    return run_sql(threads, *one, "SELECT count(*) FROM pg_prepared_statements").results[0].int8(0, 0);
  };
  CHECK(wait_until([&] { return prepared() <= 256 + 16; }));
  CHECK(prepared() >= 256);
}

TEST_CASE("statements: one that cannot be prepared fails its segment, and works once it can") {
  io_threads threads;
  const auto one = connect(threads);
  const auto late = statement("late", "SELECT n FROM not_yet_there");
  const auto use = [&] {
    pg::segment work;
    work.add(late);
    return run(threads, *one, std::move(work));
  };
  CHECK(use().failed->sqlstate == "42P01");
  CHECK(use().failed->sqlstate == "42P01");
  REQUIRE(run_sql(threads, *one, "CREATE TEMP TABLE not_yet_there AS SELECT 5 AS n").ok());
  CHECK(use().results[0].int8(0, 0) == 5);
}

TEST_CASE("statements: a changed table, a vanished name and a skipped prepare are mended behind the caller's "
          "back") {
  io_threads threads;
  test_cluster& cluster = test_cluster::shared();
  const std::string database = cluster.fresh_database();
  cluster.sql(database, "CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)");
  const auto one = connect(threads, to(cluster, database));
  const auto all = statement("all", "SELECT * FROM changing");
  const auto other = statement("other", "SELECT a, c.* FROM changing c");
  const auto use = [&](bool in_transaction = false) {
    pg::segment work;
    if (in_transaction) work.mark_explicit_transaction();
    work.add(all).add(other);
    return run(threads, *one, std::move(work));
  };
  REQUIRE(use().results[0].columns() == 1);
  cluster.sql(database, "ALTER TABLE changing ADD b text");
  const auto changed = use();
  REQUIRE(changed.ok());
  CHECK(changed.results[0].columns() == 2);
  CHECK(changed.results[1].columns() == 3);
  cluster.sql(database, "ALTER TABLE changing ADD c text");
  CHECK(use(true).failed->sqlstate == "0A000");
  REQUIRE(use(true).ok());
  REQUIRE(run_sql(threads, *one, "DEALLOCATE ALL").ok());
  REQUIRE(use().ok());

  // The first segment's prepare is skipped after its error, while the second already relies on it.
  const auto skipped = statement("skipped", "SELECT 7");
  const auto use_skipped = [](std::shared_ptr<pg::connection> where,
                              pg::segment work) -> awaitable<pg::segment_result> {
    co_return co_await where->run(std::move(work), in(20s));
  };
  for (int round = 0; round < 50; ++round) {
    REQUIRE(run_sql(threads, *one, "DEALLOCATE ALL").ok());
    pg::segment failing;
    failing.add_sql("SELECT 1 / 0").add(skipped);
    pg::segment relying;
    relying.add(skipped);
    std::atomic<int> left{2};
    std::atomic<bool> first_failed{false};
    std::atomic<bool> second_ok{false};
    auto first = use_skipped(one, std::move(failing));
    auto second = use_skipped(one, std::move(relying));
    asio::co_spawn(threads.context(), std::move(first), [&](std::exception_ptr, pg::segment_result answer) {
      first_failed = !answer.ok();
      --left;
    });
    asio::co_spawn(threads.context(), std::move(second),
                   [&](std::exception_ptr error, pg::segment_result answer) {
                     second_ok = !error && answer.ok() && answer.results.size() == 1;
                     --left;
                   });
    REQUIRE(wait_until([&left] { return left == 0; }));
    REQUIRE(first_failed);
    REQUIRE(second_ok);
  }
}

TEST_CASE("segments: 64 MB of parameters one way while 64 MB of results come the other") {
  io_threads threads;
  const auto one = connect(threads);
  const std::string large(64'000'000, 'x');
  const auto there = statement("there", "SELECT length($1::bytea)::bigint");
  const auto back = statement("back", "SELECT repeat('y', 64000000)");
  const auto ask = [](std::shared_ptr<pg::connection> where, std::shared_ptr<const pg::statement> what,
                      const std::string* bytes) -> awaitable<void> {
    pg::segment work;
    pg::params values;
    if (bytes != nullptr) values.bytea(*bytes);
    work.add(what, std::move(values), pg::result_format::binary);
    const auto answer = co_await where->run_ok(std::move(work), in(110s));
    const auto length = bytes != nullptr ? answer.results[0].int8(0, 0)
                                         : static_cast<std::int64_t>(answer.results[0].text(0, 0).size());
    if (length != 64'000'000) throw std::runtime_error("another length");
  };
  run_many(threads, 3, [&](int i) { return i == 1 ? ask(one, there, &large) : ask(one, back, nullptr); });
  CHECK(run_sql(threads, *one, "SELECT 1").ok());
}

TEST_CASE("segments: thousands of queries in one segment while results of 4 KB pile up") {
  io_threads threads;
  const auto one = connect(threads);
  const auto wide = statement("wide", "SELECT repeat('y', 4096), $1::text");
  pg::segment work;
  for (int i = 0; i < 5'000; ++i) {
    pg::params values;
    values.text(std::string(2'000, 'z'));
    work.add(wide, std::move(values));
  }
  const auto answer = run(threads, *one, std::move(work), 60s);
  REQUIRE(answer.ok());
  CHECK(answer.results.size() == 5'000);
}

TEST_CASE("segment: what the socket has not taken is known, and that it has taken all is told") {
  constexpr std::size_t large = 8u << 20; // more than any socket takes at once
  io_threads threads;
  const auto one = connect(threads);
  std::atomic<int> told{0};
  one->on_all_sent([&told] { ++told; });
  REQUIRE(run_sql(threads, *one, "SELECT 1").results.size() == 1);
  const int told_before = told;
  CHECK(one->unsent_bytes() == 0);
  pg::segment work;
  work.add_sql("SELECT length($1::text)", std::move(pg::params().text(std::string(large, 'x'))));
  REQUIRE(kill(one->backend_pid(), SIGSTOP) == 0);
  auto running = one->run(std::move(work), in(20s));
  auto answer = asio::co_spawn(threads.context(), std::move(running), asio::use_future);
  const bool is_sending = wait_until([&one] { return one->unsent_bytes() >= large; });
  kill(one->backend_pid(), SIGCONT);
  CHECK(is_sending);
  CHECK(answer.get().results.at(0).text(0, 0) == std::to_string(large));
  CHECK(one->unsent_bytes() == 0);
  CHECK(told > told_before);

  // What was too late to be sent, and what is sent twice.
  const auto measure = statement("measure", "SELECT length($1::text), m.* FROM measured m");
  const auto measuring = [&measure] {
    pg::segment made;
    made.add(measure, std::move(pg::params().text(std::string(large, 'x'))));
    return made;
  };
  REQUIRE(run_sql(threads, *one, "CREATE TEMP TABLE measured AS SELECT 1 AS a").ok());
  CHECK_THROWS_AS(run(threads, *one, measuring(), -1s), pg::deadline_exceeded);
  CHECK(one->unsent_bytes() == 0);
  REQUIRE(run(threads, *one, measuring()).results.at(0).columns() == 2);
  REQUIRE(run_sql(threads, *one, "ALTER TABLE measured ADD b text").ok());
  CHECK(run(threads, *one, measuring()).results.at(0).columns() == 3);
  CHECK(one->unsent_bytes() == 0);

  // Nothing is left of what a broken connection had to send.
  const int backend = one->backend_pid();
  REQUIRE(kill(backend, SIGSTOP) == 0);
  pg::segment lost;
  lost.add_sql("SELECT length($1::text)", std::move(pg::params().text(std::string(large, 'x'))));
  auto losing = one->run(std::move(lost), in(20s));
  auto never = asio::co_spawn(threads.context(), std::move(losing), asio::use_future);
  const bool was_sending = wait_until([&one] { return one->unsent_bytes() >= large; });
  CHECK(close_and_wait(one));
  kill(backend, SIGCONT);
  CHECK(was_sending);
  CHECK_THROWS_AS(never.get(), pg::connection_lost);
  CHECK(one->unsent_bytes() == 0);
}
