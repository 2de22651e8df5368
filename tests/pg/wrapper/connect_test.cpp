// Reaching a database, and failing to: what is thrown, what the session looks like, what is left behind.
#include "common.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <netinet/in.h>
#include <stop_token>
#include <sys/socket.h>
#include <unistd.h>

using namespace synclog::tests;

namespace {

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

// A TCP port that accepts by backlog and never says a word.
struct mute_server {
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;
  mute_server() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(socket_, 8) == 0);
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port = ntohs(address.sin_port);
  }
  ~mute_server() { close(socket_); }
  std::string conninfo() const { return "host=127.0.0.1 dbname=x user=x port=" + std::to_string(port); }
};

} // namespace

TEST_CASE("connect: refused, a wrong database, a wrong role and an unreadable URL are unavailable") {
  io_threads threads;
  const auto open = [&threads](pg::connect_options options) { connect(threads, options); };
  CHECK_THROWS_AS(open(at("host=127.0.0.1 port=1 user=x")), pg::unavailable);
  CHECK_THROWS_AS(open(at("host=/tmp/no-such-folder user=x")), pg::unavailable);
  CHECK_THROWS_AS(open(to(test_cluster::shared(), "no_such_database")), pg::unavailable);
  CHECK_THROWS_AS(open(at("no such thing")), pg::unavailable);
  pg::connect_options wrong_role = to(test_cluster::shared());
  wrong_role.role = "no_such_role";
  CHECK_THROWS_AS(open(wrong_role), pg::unavailable);
}

TEST_CASE("connect: a read-only session may look and listen, and change nothing") {
  io_threads threads;
  pg::connect_options options = to(test_cluster::shared());
  options.read_only = true;
  const auto one = connect(threads, options);
  CHECK(run_sql(threads, *one, "SELECT 1").ok());
  CHECK(run_sql(threads, *one, "LISTEN somewhere").ok());
  const auto refused = run_sql(threads, *one, "CREATE TABLE read_only_session_test ()");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failed->sqlstate == "25006");
}

TEST_CASE("connect: a server that says nothing ends in deadline_exceeded, at the deadline") {
  io_threads threads;
  const mute_server mute;
  const auto start = pg::clock::now();
  auto opening = pg::connection::open(threads.executor(), at(mute.conninfo()), in(300ms));
  CHECK_THROWS_AS(threads.run(std::move(opening)), pg::deadline_exceeded);
  CHECK(pg::clock::now() - start < 5s);
  pg::connect_options own = at(mute.conninfo());
  own.connect_timeout = 300ms;
  CHECK_THROWS_AS(connect(threads, own), pg::deadline_exceeded);
}

TEST_CASE("connect: a stop ends an attempt at once") {
  io_threads threads;
  const mute_server mute;
  std::stop_source stop;
  std::thread stopper([&stop] {
    std::this_thread::sleep_for(100ms); // long enough to be under way; too early is right as well
    stop.request_stop();
  });
  const auto start = pg::clock::now();
  auto opening = pg::connection::open(threads.executor(), at(mute.conninfo()), in(20s), stop.get_token());
  CHECK_THROWS_AS(threads.run(std::move(opening)), pg::unavailable);
  CHECK(pg::clock::now() - start < 5s);
  stopper.join();
}

TEST_CASE("connect: the session has the settings that we rely on") {
  io_threads threads;
  test_cluster& cluster = test_cluster::shared();
  cluster.sql("postgres", "DROP ROLE IF EXISTS reader; CREATE ROLE reader");
  pg::connect_options options = to(cluster);
  options.role = "reader";
  options.statement_timeout = 1234ms;
  const auto one = connect(threads, options);
  CHECK(one->is_open());
  CHECK(one->backend_pid() > 0);
  const auto answer = run_sql(
      threads, *one,
      "SELECT current_user, current_setting('statement_timeout'), current_setting('TimeZone'), now()::text,"
      " current_setting('client_encoding'), current_setting('application_name'),"
      " current_setting('idle_in_transaction_session_timeout'), pg_backend_pid()");
  REQUIRE(answer.ok());
  const pg::rows& row = answer.results[0];
  CHECK(row.text(0, 0) == "reader");
  CHECK(row.text(0, 1) == "1234ms");
  CHECK(row.text(0, 2) == "UTC");
  CHECK(row.text(0, 3).substr(4, 1) == "-");
  CHECK(row.text(0, 4) == "UTF8");
  CHECK(row.text(0, 5) == "synclog");
  CHECK(row.text(0, 6) == "1min");
  CHECK(row.int8(0, 7) == one->backend_pid());
}

TEST_CASE("connect: a URL works as well as key=value, TCP as well as a Unix socket") {
  test_cluster own({.tcp = true});
  io_threads threads;
  for (const std::string& where : {own.url(), own.tcp_conninfo(), own.conninfo()}) {
    const auto one = connect(threads, at(where));
    CHECK(run_sql(threads, *one, "SELECT 42").results[0].int8(0, 0) == 42);
  }
}

TEST_CASE("connect: closing fails what is in flight and later calls, once and for all") {
  io_threads threads;
  const auto one = connect(threads);
  std::atomic<int> closed{0};
  one->on_close([&closed] { ++closed; });
  std::thread closer([one] {
    REQUIRE(wait_until([one] { return one->in_flight() > 0; }));
    one->close();
    one->close();
  });
  CHECK_THROWS_AS(run_sql(threads, *one, "SELECT pg_sleep(20)"), pg::connection_lost);
  closer.join();
  CHECK_FALSE(one->is_open());
  CHECK(one->backend_pid() == 0);
  CHECK(one->in_flight() == 0);
  CHECK_THROWS_AS(run_sql(threads, *one, "SELECT 1"), pg::connection_lost);
  CHECK(wait_until([&closed] { return closed == 1; }));
  std::atomic<int> late{0};
  one->on_close([&late] { ++late; });
  CHECK(wait_until([&late] { return late == 1; }));
  CHECK(closed == 1);
}

TEST_CASE("connect: many connects and closes leak neither descriptors nor sessions") {
  io_threads threads;
  test_cluster& cluster = test_cluster::shared();
  const auto sessions = [&cluster] {
    return cluster.sql("postgres",
                       "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaktest'");
  };
  pg::connect_options options = to(cluster);
  options.application_name = "leaktest";
  connect(threads, options).reset();
  REQUIRE(wait_until([&] { return sessions() == "0"; }));
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 60; ++i) {
    const auto one = connect(threads, options);
    if (i % 3 == 0) run_sql(threads, *one, "SELECT 1");
    if (i % 3 == 1) one->close();
  }
  CHECK(wait_until([&] { return open_descriptors() == before; }));
  CHECK(wait_until([&] { return sessions() == "0"; }));
}

TEST_CASE("connect: an io_context that stops with a connection and a waiter inside is torn down cleanly") {
  std::shared_ptr<pg::connection> one;
  {
    io_threads threads;
    one = connect(threads);
    const auto sleep = [](std::shared_ptr<pg::connection> where) -> awaitable<void> {
      pg::segment work;
      work.add_sql("SELECT pg_sleep(20)");
      co_await where->run(std::move(work), in(20s));
    };
    asio::co_spawn(threads.context(), sleep(one), [](std::exception_ptr) {});
    REQUIRE(wait_until([&one] { return one->in_flight() == 1; }));
    one.reset();
  }
}

TEST_CASE("connect: commits are waited for, whatever the login was given, and what is stricter stays") {
  test_cluster& cluster = test_cluster::shared();
  const std::string database = cluster.fresh_database();
  cluster.sql(database, "DROP ROLE IF EXISTS hasty; CREATE ROLE hasty LOGIN");
  const auto seen = [&](const std::string& given) {
    cluster.sql(database, "ALTER ROLE hasty SET synchronous_commit = " + given);
    const std::string conninfo = cluster.conninfo(database, "hasty");
    io_threads threads;
    const auto one = connect(threads, at(conninfo));
    const auto answer = run_sql(threads, *one, "SHOW synchronous_commit");
    REQUIRE(answer.ok());
    pg::plain_connection plain(conninfo, "", "test");
    CHECK(plain.run("SHOW synchronous_commit").text(0, 0) == answer.results.front().text(0, 0));
    return std::string(answer.results.front().text(0, 0));
  };
  CHECK(seen("off") == "on");
  CHECK(seen("on") == "on");
  CHECK(seen("remote_apply") == "remote_apply");
  cluster.sql(database, "DROP ROLE hasty");
}
