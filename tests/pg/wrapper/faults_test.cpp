// Deadlines and broken servers: what a waiter hears, and what is left of the connection.
#include "common.hpp"
#include <algorithm>
#include <boost/asio/strand.hpp>
#include <csignal>
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

// A segment under way; its end is looked at from the test's thread.
struct pending {
  std::atomic<bool> ended{false};
  std::atomic<bool> lost{false};
  std::atomic<bool> expired{false};
  std::atomic<bool> answered{false};
};

// On a strand segments are sent in the order of the calls; on several threads in any.
std::shared_ptr<pending> launch(const asio::any_io_executor& where, pg::connection& one,
                                const std::string& sql, std::chrono::milliseconds patience) {
  auto state = std::make_shared<pending>();
  pg::segment work;
  work.add_sql(sql);
  auto waiting = one.run(std::move(work), in(patience));
  auto ended = [state](std::exception_ptr error, pg::segment_result) {
    try {
      if (error) std::rethrow_exception(error);
      state->answered = true;
    } catch (const pg::connection_lost&) {
      state->lost = true;
    } catch (const pg::deadline_exceeded&) {
      state->expired = true;
    } catch (const std::exception&) {
    }
    state->ended = true;
  };
  asio::co_spawn(where, std::move(waiting), std::move(ended));
  return state;
}

bool all_ended(const std::vector<std::shared_ptr<pending>>& all, std::chrono::milliseconds patience) {
  return wait_until(
      [&all] {
        return std::all_of(all.begin(), all.end(), [](const auto& one) { return one->ended.load(); });
      },
      patience);
}

} // namespace

TEST_CASE("deadline: a slow query is abandoned, its answer dropped, and the connection goes on") {
  io_threads threads;
  const auto one = connect(threads);
  const auto start = pg::clock::now();
  pg::segment slow;
  slow.add_sql("SELECT 'old' FROM pg_sleep(1.5)");
  CHECK_THROWS_AS(run(threads, *one, std::move(slow), 200ms), pg::deadline_exceeded);
  CHECK(pg::clock::now() - start < 1400ms);
  CHECK(one->in_flight() == 1);
  CHECK(run_sql(threads, *one, "SELECT 'new'").results[0].text(0, 0) == "new");
  CHECK(pg::clock::now() - start >= 1400ms);
  CHECK(one->in_flight() == 0);
  CHECK(one->is_open());
}

TEST_CASE("deadline: one that is over already is not waited for, and each of many mixed ones is kept") {
  io_threads threads;
  const auto in_order = asio::make_strand(threads.executor());
  const auto one = connect(threads);
  CHECK_THROWS_AS(run(threads, *one, {}, -1s), pg::deadline_exceeded);
  const auto sleeper = launch(in_order, *one, "SELECT pg_sleep(1)", 20s);
  std::vector<std::shared_ptr<pending>> early;
  std::vector<std::shared_ptr<pending>> late;
  for (int i = 0; i < 20; ++i) {
    late.push_back(launch(in_order, *one, "SELECT 1", 20s));
    early.push_back(launch(in_order, *one, "SELECT 1", std::chrono::milliseconds(100 + 10 * i)));
  }
  REQUIRE(all_ended(early, 900ms));
  CHECK(std::all_of(early.begin(), early.end(), [](const auto& each) { return each->expired.load(); }));
  REQUIRE(all_ended(late, 20s));
  CHECK(std::all_of(late.begin(), late.end(), [](const auto& each) { return each->answered.load(); }));
  CHECK(sleeper->answered);
}

TEST_CASE("faults: kill -9 with 100 in flight fails each of them with connection_lost, and a restart is "
          "reached again") {
  test_cluster own;
  io_threads threads;
  const auto in_order = asio::make_strand(threads.executor());
  const auto one = connect(threads, to(own));
  std::vector<std::shared_ptr<pending>> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(launch(in_order, *one, "SELECT pg_sleep(30)", 60s));
  REQUIRE(wait_until([&one] { return one->in_flight() == 100; }));
  own.kill9();
  REQUIRE(all_ended(all, 10s));
  CHECK(std::all_of(all.begin(), all.end(), [](const auto& each) { return each->lost.load(); }));
  CHECK_FALSE(one->is_open());
  CHECK(one->in_flight() == 0);
  own.start();
  const auto again = connect(threads, to(own));
  CHECK(run_sql(threads, *again, "SELECT 1").ok());
}

TEST_CASE("faults: a terminated session is connection_lost with the server's reason, in a query and idle") {
  io_threads threads;
  test_cluster& cluster = test_cluster::shared();
  const auto terminate = [&cluster](int pid) {
    cluster.sql("postgres", "SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
  };
  const auto busy = connect(threads);
  std::thread killer([&] {
    REQUIRE(wait_until([&busy] { return busy->in_flight() > 0; }));
    terminate(busy->backend_pid());
  });
  try {
    run_sql(threads, *busy, "SELECT pg_sleep(20)");
    FAIL("nothing thrown");
  } catch (const pg::connection_lost& problem) {
    CHECK(std::string(problem.what()).find("57P01") != std::string::npos);
  }
  killer.join();

  const auto idle = connect(threads);
  std::atomic<bool> closed{false};
  idle->on_close([&closed] { closed = true; });
  terminate(idle->backend_pid());
  CHECK(wait_until([&closed] { return closed.load(); }));
  CHECK_FALSE(idle->is_open());
  try {
    run_sql(threads, *idle, "SELECT 1");
    FAIL("nothing thrown");
  } catch (const pg::connection_lost& problem) {
    CHECK(std::string(problem.what()).find("57P01") != std::string::npos);
  }
}

TEST_CASE("faults: answers that arrived before the end are not lost with it") {
  io_threads threads;
  const auto in_order = asio::make_strand(threads.executor());
  const auto one = connect(threads);
  const auto first = launch(in_order, *one, "SELECT 1", 20s);
  const auto second =
      launch(in_order, *one, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(20)", 20s);
  REQUIRE(wait_until([&] { return first->ended && second->ended; }));
  CHECK(first->answered);
  CHECK(second->lost);
}

TEST_CASE("faults: a frozen backend lets deadlines fire, and the connection closes within the hard bound") {
  io_threads threads;
  const auto in_order = asio::make_strand(threads.executor());
  const auto one = connect(threads);
  const int backend = one->backend_pid();
  REQUIRE(kill(backend, SIGSTOP) == 0);
  std::vector<std::shared_ptr<pending>> early;
  for (int i = 0; i < 20; ++i)
    early.push_back(launch(in_order, *one, "SELECT 1", 300ms));
  const auto patient = launch(in_order, *one, "SELECT 1", 60s);
  const auto start = pg::clock::now();
  REQUIRE(all_ended(early, 5s));
  CHECK(std::all_of(early.begin(), early.end(), [](const auto& each) { return each->expired.load(); }));
  CHECK(one->is_open());
  CHECK(wait_until([&one] { return !one->is_open(); }, 2 * pg::connection::hard_bound + 2s));
  CHECK(pg::clock::now() - start >= pg::connection::hard_bound);
  REQUIRE(all_ended({patient}, 5s));
  CHECK(patient->lost);
  kill(backend, SIGCONT);
}

TEST_CASE("faults: a long query within its own deadline is not cut off by an impatient one behind it") {
  io_threads threads;
  const auto in_order = asio::make_strand(threads.executor());
  const auto one = connect(threads);
  const auto slow = launch(in_order, *one, "SELECT pg_sleep(7)", 30s);
  REQUIRE(wait_until([&one] { return one->in_flight() == 1; })); // it is the first in line
  const auto impatient = launch(in_order, *one, "SELECT 1", 100ms);
  REQUIRE(all_ended({slow, impatient}, 20s));
  CHECK(impatient->expired);
  CHECK(slow->answered);
  CHECK(one->is_open());
}

TEST_CASE("faults: statement_timeout is a failure, not the end") {
  io_threads threads;
  pg::connect_options options = to(test_cluster::shared());
  options.statement_timeout = 100ms;
  const auto one = connect(threads, options);
  const auto answer = run_sql(threads, *one, "SELECT pg_sleep(20)");
  REQUIRE(answer.failed);
  CHECK(answer.failed->sqlstate == "57014");
  CHECK(run_sql(threads, *one, "SELECT 1").ok());
}
