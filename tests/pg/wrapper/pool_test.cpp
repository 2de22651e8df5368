// The pool: sharing, saturation, outages, stopping under load.
#include "common.hpp"
#include "eventstore/pg/pool.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <map>

using namespace synclog::tests;

namespace {

const auto one_row = statement("one_row", "SELECT $1::bigint, pg_backend_pid()");
// Answers once nobody holds the lock of the backend's number.
const auto gated =
    statement("gated", "SELECT pg_advisory_xact_lock_shared(pg_backend_pid()), pg_backend_pid()");

pg::segment ask(std::int64_t number) {
  pg::params values;
  values.int8(number);
  pg::segment work;
  work.add(one_row, std::move(values));
  return work;
}

pg::segment ask_gated() {
  pg::segment work;
  work.add(gated);
  return work;
}

pg::segment sql(const std::string& text) {
  pg::segment work;
  work.add_sql(text);
  return work;
}

// What became of many requests.
struct tally {
  std::mutex mutex;
  std::map<std::string, int> outcomes; // "ok", or what was thrown
  std::map<std::int64_t, int> backends;
  std::chrono::milliseconds longest{0};
  std::atomic<int> running{0};

  void add(const std::string& outcome) {
    const std::lock_guard guard(mutex);
    ++outcomes[outcome];
  }
  int count(const std::string& outcome) {
    const std::lock_guard guard(mutex);
    return outcomes[outcome];
  }
};

awaitable<std::string> attempt(pg::pool* pool, pg::segment work, bool read,
                               std::chrono::milliseconds patience, std::shared_ptr<tally> all) {
  const auto start = pg::clock::now();
  std::string outcome = "ok";
  try {
    pg::segment_result answer;
    if (read) {
      answer = co_await pool->run_read(std::move(work), in(patience));
    } else {
      answer = co_await pool->run(std::move(work), in(patience));
    }
    if (answer.failed) outcome = answer.failed->sqlstate;
    const std::lock_guard guard(all->mutex);
    if (answer.ok() && answer.results[0].columns() == 2) ++all->backends[answer.results[0].int8(0, 1)];
  } catch (const pg::connection_lost&) {
    outcome = "lost";
  } catch (const pg::deadline_exceeded&) {
    outcome = "deadline";
  } catch (const pg::unavailable& problem) {
    outcome = problem.what();
  } catch (const std::exception& problem) {
    outcome = std::string("unexpected: ") + problem.what();
  }
  all->add(outcome);
  const std::lock_guard guard(all->mutex);
  all->longest =
      std::max(all->longest, std::chrono::duration_cast<std::chrono::milliseconds>(pg::clock::now() - start));
  co_return outcome;
}

awaitable<void> request(pg::pool* pool, pg::segment work, bool read, std::chrono::milliseconds patience,
                        std::shared_ptr<tally> all) {
  co_await attempt(pool, std::move(work), read, patience, all);
}

void launch(io_threads& threads, awaitable<void> work, const std::shared_ptr<tally>& all) {
  ++all->running;
  auto ended = [all](std::exception_ptr) { --all->running; };
  asio::co_spawn(threads.context(), std::move(work), std::move(ended));
}

awaitable<void> many_requests(pg::pool* pool, int count, bool read, std::shared_ptr<tally> all) {
  for (int i = 0; i < count; ++i)
    co_await request(pool, ask(i), read, 30s, all);
}

// Until one does not succeed. Nobody may try again at once: a refusal does not suspend, so that would hold
// the thread.
awaitable<void> requests_while_ok(pg::pool* pool, std::shared_ptr<tally> all) {
  std::string outcome = "ok";
  while (outcome == "ok")
    outcome = co_await attempt(pool, ask(1), true, 30s, all);
}

bool all_ended(const std::shared_ptr<tally>& all) {
  return wait_until([&all] { return all->running == 0; }, 60s);
}

bool opened(pg::pool& pool, std::size_t count) {
  return wait_until([&pool, count] { return pool.stats().open == count; });
}

} // namespace

// Not how many answers each connection gives: that is how much processor the kernel gives each backend, and
// one has been seen runnable and not run for five seconds. What the pool decides is where the next request
// goes.
TEST_CASE("pool: requests share all connections evenly, and go where the least is in flight") {
  constexpr int each = 16;
  io_threads threads(4);
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 3});
  REQUIRE(opened(pool, 3));
  const auto first = std::make_shared<tally>();
  launch(threads, many_requests(&pool, 30, false, first), first);
  REQUIRE(all_ended(first));
  REQUIRE(first->backends.size() == 3); // one after the other: ties go round
  const auto gates = connect(threads);
  for (const auto& [pid, answers] : first->backends)
    REQUIRE(run_sql(threads, *gates, "SELECT pg_advisory_lock(" + std::to_string(pid) + ")").ok());
  const auto open_gate = [&](std::int64_t pid) {
    return run_sql(threads, *gates, "SELECT pg_advisory_unlock(" + std::to_string(pid) + ")").ok();
  };

  const auto all = std::make_shared<tally>();
  for (std::size_t i = 0; i < 3 * each; ++i) {
    launch(threads, request(&pool, ask_gated(), false, 30s, all), all);
    REQUIRE(wait_until([&pool, i] { return pool.stats().in_flight == i + 1; }));
  }
  const std::int64_t freed = first->backends.begin()->first;
  REQUIRE(open_gate(freed));
  REQUIRE(wait_until([&] { return all->count("ok") == each; }));
  const auto next = std::make_shared<tally>();
  launch(threads, many_requests(&pool, 3 * each, false, next), next);
  REQUIRE(all_ended(next));
  CHECK(next->backends == std::map<std::int64_t, int>{{freed, 3 * each}});
  CHECK(all->running == 2 * each);
  for (const auto& [pid, answers] : first->backends) {
    if (pid != freed) REQUIRE(open_gate(pid));
  }
  REQUIRE(all_ended(all));
  for (const auto& [pid, answers] : first->backends)
    CHECK(all->backends[pid] == each);
  CHECK(pool.stats().in_flight == 0);
  threads.run(pool.stop());
}

TEST_CASE("pool: many requests at once are all answered, and none waits long") {
  io_threads threads(4);
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 3});
  REQUIRE(opened(pool, 3));
  const auto all = std::make_shared<tally>();
  for (int i = 0; i < 48; ++i)
    launch(threads, many_requests(&pool, 100, false, all), all);
  REQUIRE(all_ended(all));
  CHECK(all->count("ok") == 4'800);
  CHECK(all->backends.size() == 3);
  CHECK(all->longest < 10s);
  CHECK(pool.stats().in_flight == 0);
  threads.run(pool.stop());
  CHECK(pool.stats().open == 0);
}

TEST_CASE("pool: a slow query holds up one connection, not the others") {
  io_threads threads;
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 2});
  REQUIRE(opened(pool, 2));
  const auto slow = std::make_shared<tally>();
  launch(threads, request(&pool, sql("SELECT pg_sleep(3)"), false, 30s, slow), slow);
  REQUIRE(wait_until([&pool] { return pool.stats().in_flight == 1; }));
  const auto quick = std::make_shared<tally>();
  launch(threads, many_requests(&pool, 200, false, quick), quick);
  REQUIRE(all_ended(quick));
  CHECK(quick->count("ok") == 200);
  CHECK(quick->longest < 2s);
  CHECK(slow->running == 1);
  threads.run(pool.stop());
  REQUIRE(all_ended(slow));
  CHECK(slow->count("lost") == 1);
}

TEST_CASE("pool: saturated everywhere it says so at once") {
  io_threads threads;
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 1, .max_in_flight_each = 3});
  REQUIRE(opened(pool, 1));
  const auto all = std::make_shared<tally>();
  for (int i = 0; i < 3; ++i)
    launch(threads, request(&pool, sql("SELECT pg_sleep(1)"), false, 30s, all), all);
  REQUIRE(wait_until([&pool] { return pool.stats().in_flight == 3; }));
  CHECK_THROWS_WITH_AS(threads.run(pool.run(ask(1), in(20s))), "pool exhausted", pg::unavailable);
  REQUIRE(all_ended(all));
  CHECK(threads.run(pool.run(ask(1), in(20s))).ok());
  threads.run(pool.stop());
}

TEST_CASE("pool: transactions are refused, failures are values in run and thrown by run_read") {
  io_threads threads;
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 1});
  CHECK_THROWS_AS(threads.run(pool.run(sql("BEGIN"), in(20s))), std::logic_error);
  CHECK(threads.run(pool.run(sql("SELECT 1/0"), in(20s))).failed->sqlstate == "22012");
  CHECK_THROWS_AS(threads.run(pool.run_read(sql("SELECT 1/0"), in(20s))), pg::query_failed);
  threads.run(pool.stop());
  CHECK_THROWS_AS(threads.run(pool.run(ask(1), in(20s))), pg::unavailable);
}

TEST_CASE("pool: an unreachable database is waited for until the deadline, with the reason") {
  io_threads threads;
  pg::pool pool(threads.executor(), at("host=/tmp/no-such-folder user=x"), {.connections = 2});
  const auto start = pg::clock::now();
  try {
    threads.run(pool.run(ask(1), in(400ms)));
    FAIL("nothing thrown");
  } catch (const pg::unavailable& problem) {
    CHECK(std::string(problem.what()).find("no-such-folder") != std::string::npos);
  }
  CHECK(pg::clock::now() - start >= 400ms);
  CHECK(pg::clock::now() - start < 5s);
  threads.run(pool.stop());
}

TEST_CASE(
    "pool: through a kill -9 and a restart reads succeed, in-flight ones are lost, connections come back") {
  test_cluster own;
  io_threads threads;
  pg::pool pool(threads.executor(), to(own), {.connections = 2});
  REQUIRE(opened(pool, 2));
  const auto sleepers = std::make_shared<tally>();
  for (int i = 0; i < 100; ++i)
    launch(threads, request(&pool, sql("SELECT pg_sleep(30)"), false, 60s, sleepers), sleepers);
  const auto readers = std::make_shared<tally>();
  for (int i = 0; i < 20; ++i)
    launch(threads, request(&pool, ask(i), true, 60s, readers), readers);
  REQUIRE(wait_until([&pool] { return pool.stats().in_flight == 120; }));
  own.kill9();
  REQUIRE(all_ended(sleepers));
  CHECK(sleepers->count("lost") == 100);
  CHECK(readers->running == 20);
  own.start();
  REQUIRE(all_ended(readers));
  CHECK(readers->count("ok") == 20);
  CHECK(opened(pool, 2));
  CHECK(pool.stats().reconnects >= 2);
  threads.run(pool.stop());
}

TEST_CASE("pool: stop under load ends everything in bounded time") {
  io_threads threads(4);
  pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 3});
  const auto all = std::make_shared<tally>();
  for (int i = 0; i < 50; ++i)
    launch(threads, requests_while_ok(&pool, all), all);
  REQUIRE(wait_until([&all] { return all->count("ok") > 500; }));
  const auto start = pg::clock::now();
  threads.run(pool.stop());
  threads.run(pool.stop());
  CHECK(pg::clock::now() - start < 5s);
  REQUIRE(all_ended(all));
  const std::lock_guard guard(all->mutex);
  for (const auto& [outcome, count] : all->outcomes) {
    CAPTURE(outcome);
    CHECK((outcome == "ok" || outcome == "lost" || outcome.find("stopped") != std::string::npos));
  }
}

TEST_CASE("pool: stop while connecting, and a pool that goes without a stop") {
  io_threads threads;
  {
    pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 4});
    threads.run(pool.stop());
    CHECK(pool.stats().open == 0);
  }
  { pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 4}); }
  {
    pg::pool pool(threads.executor(), to(test_cluster::shared()), {.connections = 2});
    REQUIRE(opened(pool, 2));
  }
}
