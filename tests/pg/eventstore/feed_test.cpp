// The feed over one and over two servers: every event once, in order.
#include "log_fixture.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

boost::asio::awaitable<void> write(eventstore::committer& committer, std::string prefix, int count) {
  for (int index = 0; index < count; ++index) {
    std::vector<core::command> one;
    one.push_back(command_of("clients", core::command_kind::save,
                             fmt::format(R"({{"id":"{}-{}","full_name":"x"}})", prefix, index)));
    auto request = request_of(std::move(one));
    co_await committer.submit(std::move(request));
  }
}

// Follows a feed to a position and returns what it saw.
boost::asio::awaitable<std::vector<std::int64_t>> follow(eventstore::feed& feed, std::int64_t upto) {
  std::vector<std::int64_t> seen;
  core::cursor at;
  const auto until = eventstore::pg::clock::now() + 30s;
  while (at.position.value < upto && eventstore::pg::clock::now() < until) {
    eventstore::page_bounds bounds;
    bounds.max_events = 37;
    const auto page = co_await feed.read_after(at, bounds, until);
    for (const auto& event : page.events) {
      seen.push_back(event->at.position.value);
    }
    at = page.end;
    if (page.events.empty()) {
      co_await feed.wait_beyond(at.position, until);
    }
  }
  co_return seen;
}

} // namespace

TEST_CASE(
    "feed: two servers over one database show each the whole log once and in order, catch-up and live") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  {
    log_server first(threads, cluster, database);
    log_server second(threads, cluster, database);
    constexpr int each = 150;
    std::atomic<int> ended{0};
    const auto count_end = [&ended](std::exception_ptr) { ++ended; };
    auto one = write(first.committer, "a", each);
    auto two = write(second.committer, "b", each);
    auto three = write(first.committer, "c", each);
    boost::asio::co_spawn(threads.context(), std::move(one), count_end);
    boost::asio::co_spawn(threads.context(), std::move(two), count_end);
    boost::asio::co_spawn(threads.context(), std::move(three), count_end);
    for (auto* server : {&first, &second}) {
      const auto seen = threads.run(follow(server->feed, 3 * each));
      REQUIRE(seen.size() == 3 * each);
      for (std::size_t index = 0; index < seen.size(); ++index) {
        REQUIRE(seen[index] == static_cast<std::int64_t>(index + 1));
      }
    }
    REQUIRE(wait_until([&] { return ended == 3; }));
  }
  check_everything(cluster, database);
}

TEST_CASE("feed: a log with another event at the head's position is another history, also to the next local "
          "write") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server first(threads, cluster, database, {}, {.poll_interval = 1h}); // it must notice by itself
  threads.run(write(first.committer, "a", 5));
  const auto known = first.feed.head();
  REQUIRE(known.position == core::position{5});
  // The newest event is lost, as in a failover to a standby that lacked it, and another takes its place.
  cluster.sql(database, R"(ALTER TABLE synclog.events DISABLE TRIGGER append_only;
                           DELETE FROM synclog.events WHERE position = 5;
                           ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only)");
  {
    log_server second(threads, cluster, database);
    threads.run(write(second.committer, "b", 1));
  }
  threads.run(write(first.committer, "c", 1));
  CHECK(wait_until(
      [&] { return first.feed.generation() == 1 && first.feed.head().position == core::position{6}; }));
  const auto page = threads.run(first.feed.read_after(known, {}, eventstore::pg::clock::now() + 20s));
  CHECK(page.history_changed);
}

TEST_CASE("feed: a waiter is released by a deadline and by stop") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  CHECK_FALSE(threads.run(server.feed.wait_beyond({0}, eventstore::pg::clock::now() + 150ms)));
  auto waiting = server.feed.wait_beyond({0}, eventstore::pg::clock::now() + 1h);
  std::atomic<int> released{0};
  auto done = [&released](std::exception_ptr, bool more) { released = more ? 1 : 2; };
  boost::asio::co_spawn(threads.context(), std::move(waiting), done);
  REQUIRE(wait_until([&] { return server.feed.stats().waiting == 1; }));
  threads.run(server.feed.stop());
  CHECK(wait_until([&] { return released == 2; }));
}
