// The log is put back to an older state under running servers: every subscriber is told to resync and goes on
// with the new history, whoever comes with a cursor of the old one too, and nothing is stuck.
#include "tests/http/records_support.hpp"
#include "tests/streams/interests.hpp"
#include "tests/streams/load.hpp"
#include "tests/streams/long_run.hpp"
#include "tests/streams/restored.hpp"
#include "tests/streams/server_pair.hpp"
#include "tests/streams/swarm.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <csignal>
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

namespace {

std::vector<subscriber_options> make_members(std::size_t count, std::mt19937_64& random) {
  std::vector<subscriber_options> made;
  for (std::size_t number = 0; number < count; ++number) {
    subscriber_options one;
    one.by = number % 2 == 0 ? transport::sse : transport::websocket;
    one.restless = number % 4 < 2;
    const auto subscriptions = one.by == transport::websocket && number % 3 == 0 ? 3 : 1;
    for (int i = 0; i < subscriptions; ++i)
      one.interests.push_back(random_interest(random));
    if (number % 3 == 0) one.from = "0";
    made.push_back(std::move(one));
  }
  return made;
}

void write_some(load_options options, std::string prefix, std::size_t events) {
  options.prefix = std::move(prefix);
  options.events = events;
  options.events_a_second = 1e6;
  load writers(options);
  writers.join();
  for (const auto& sentence : writers.problems())
    FAIL_CHECK(sentence);
}

void judge(const swarm& subscribers, const std::vector<logged>& old_log, const std::vector<logged>& log,
           std::int64_t head) {
  for (const auto& sentence : subscribers.voided_differences_from(old_log))
    FAIL_CHECK("before the change: ", sentence);
  for (const auto& sentence : subscribers.differences_from(log, head))
    FAIL_CHECK(sentence);
}

} // namespace

TEST_CASE(
    "streams: when the log goes back in time every subscriber is told, and goes on with the new history") {
  const auto seed = choose_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const server_fixture server;
  auto& cluster = server.cluster();
  restorable database(cluster, server.database());
  const auto port = [&server](std::size_t) { return server.port(); };
  const load_options common{.seed = seed, .port = port};
  write_some(common, "first", 500);
  database.keep();
  swarm_settings settings{.port = port};
  swarm subscribers(make_members(36, random), seed, settings);
  REQUIRE(wait_until([&] { return subscribers.all_begun(); }));
  write_some(common, "second", 900);
  const auto old_head = server.event_count();
  // The others, whose filters show little, know of a place somewhere before it.
  REQUIRE(wait_until([&] { return subscribers.count_at(old_head) >= subscribers.members().size() / 3; }));

  database.put_back();
  REQUIRE(server.event_count() < old_head);
  CHECK(wait_until([&] { return subscribers.all_resynced(); }));
  write_some(common, "third", 300);
  settings.restless = false;
  const auto head = server.event_count();
  CHECK(head < old_head);
  CHECK(wait_until([&] { return subscribers.all_at(head); }));
  subscribers.stop();
  MESSAGE(subscribers.summary());
  CHECK(!subscribers.any_broken());
  const auto old_log = copy_log(cluster.conninfo(database.gone()));
  judge(subscribers, old_log, copy_log(cluster.conninfo(server.database())), head);

  // Who was away meanwhile: beyond the head, and within it.
  const auto beyond = old_log.back().cursor, within = old_log[static_cast<std::size_t>(head) - 1].cursor;
  for (const auto& [cursor, reason] :
       {std::pair{beyond, "beyond_head"}, std::pair{within, "other_history"}}) {
    CAPTURE(cursor);
    auto client = server.connect();
    client.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}, {"Last-Event-ID", cursor}});
    sse_reader events(client);
    std::optional<sse_event> event;
    do
      event = events.next();
    while (event && (event->name == "hello" || event->data.empty()));
    REQUIRE(event);
    CHECK(event->name == "resync");
    CHECK(at(event->data, "/reason") == reason);
    CHECK(position_of(event->id) == head);
    ws_client socket(server.port());
    socket.send_text(R"({"type":"subscribe","after":")" + cursor + "\"}");
    const auto resync = socket.next_of("resync");
    CHECK(at(resync, "/reason") == reason);
    CHECK(position_of(at(resync, "/cursor")) == head);
    CHECK(server.get("/api/events?after=" + cursor).status == 400);
  }
}

TEST_CASE(
    "streams: a history that has grown past the old head before a server looks is noticed all the same") {
  const auto seed = choose_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  server_pair servers;
  auto& cluster = servers[0].cluster();
  restorable database(cluster, servers[0].database());
  const auto port = [&servers](std::size_t index) { return servers.port(index); };
  const load_options common{.seed = seed, .port = port, .servers = server_pair::size};
  write_some(common, "first", 300);
  database.keep();
  swarm_settings settings{.port = port, .servers = server_pair::size};
  settings.restless = false;
  swarm subscribers(make_members(24, random), seed, settings);
  REQUIRE(wait_until([&] { return subscribers.all_begun(); }));
  write_some(common, "second", 300);
  const auto old_head = servers[0].event_count();
  // The others, whose filters show little, know of a place somewhere before it.
  REQUIRE(wait_until([&] { return subscribers.count_at(old_head) >= subscribers.members().size() / 3; }));

  // One server sees nothing of it.
  REQUIRE(kill(servers[0].pid(), SIGSTOP) == 0);
  database.put_back();
  auto through_second = common;
  through_second.port = [&servers](std::size_t) { return servers.port(1); };
  through_second.servers = 1;
  write_some(through_second, "third", 900);
  REQUIRE(kill(servers[0].pid(), SIGCONT) == 0);
  CHECK(wait_until([&] { return subscribers.all_resynced(); }));
  write_some(common, "fourth", 200);
  const auto head = servers[0].event_count();
  CHECK(head > old_head);
  CHECK(wait_until([&] { return subscribers.all_at(head); }));
  subscribers.stop();
  MESSAGE(subscribers.summary());
  CHECK(!subscribers.any_broken());
  judge(subscribers, copy_log(cluster.conninfo(database.gone())),
        copy_log(cluster.conninfo(servers[0].database())), head);
}
