// I7: two servers over one database, killed in turn under writers, and subscribers of every kind who come and
// go at random: each sees exactly its filtered log, once, in order. SYNCLOG_TEST_LONG=1 runs the full size.
#include "tests/streams/interests.hpp"
#include "tests/streams/load.hpp"
#include "tests/streams/long_run.hpp"
#include "tests/streams/server_pair.hpp"
#include "tests/streams/swarm.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

namespace {

struct scale {
  std::size_t subscribers = 60, events = 6'000;
  double events_a_second = 600;
  int rounds = 1; // in each, every server is killed once
};

scale chosen_scale() {
  if (!is_long()) return {};
  return {.subscribers = 200, .events = 50'000, .events_a_second = 1'200, .rounds = 3};
}

constexpr std::int64_t events_before = 400; // in the log when the first subscriber comes

// Half by SSE, half by WebSocket; from the beginning, from a position, from a cursor, from now.
std::vector<subscriber_options> make_members(std::size_t count, const std::vector<logged>& log,
                                             std::mt19937_64& random) {
  std::vector<subscriber_options> made;
  for (std::size_t number = 0; number < count; ++number) {
    subscriber_options one;
    one.by = number % 2 == 0 ? transport::sse : transport::websocket;
    one.restless = true;
    const auto subscriptions = one.by == transport::websocket && random() % 3 == 0 ? 2 + random() % 4 : 1;
    for (std::size_t i = 0; i < subscriptions; ++i)
      one.interests.push_back(random_interest(random));
    const auto& somewhere = log[random() % log.size()];
    const auto dice = random() % 4;
    if (dice == 0) one.from = "0";
    if (dice == 1) one.from = std::to_string(somewhere.position);
    if (dice == 2) one.from = somewhere.cursor;
    made.push_back(std::move(one));
  }
  return made;
}

// Each server in turn is killed while the load goes on, is away for a while, and comes back; at last one goes
// in order.
void kill_in_turn(server_pair& servers, const load& under, const scale& of) {
  const auto begin = under.head();
  const auto step = static_cast<std::int64_t>(of.events) / (2 * of.rounds * 2 + 3);
  auto next = begin + step;
  const auto wait_for_head = [&](std::int64_t position) {
    REQUIRE(wait_until([&] { return under.head() >= position || under.ended(); }, 120s));
  };
  for (int round = 0; round < of.rounds; ++round) {
    for (std::size_t index = 0; index < server_pair::size; ++index) {
      wait_for_head(next);
      servers.kill9(index);
      wait_for_head(next + step);
      servers.start(index);
      next += 2 * step;
    }
  }
  wait_for_head(next);
  CHECK(servers.stop(0) == 0);
  servers.start(0);
}

} // namespace

TEST_CASE(
    "streams: every subscriber sees its filtered log, every event once and in order, whatever happens") {
  const auto seed = choose_seed();
  const auto of = chosen_scale();
  CAPTURE(seed);
  MESSAGE("seed ", seed, ", ", of.subscribers, " subscribers, ", of.events, " events");
  std::mt19937_64 random(seed);
  server_pair servers;
  const auto port = [&servers](std::size_t index) { return servers.port(index); };
  const load_options common{.seed = seed, .large_one_in = 300, .port = port, .servers = server_pair::size};
  {
    auto options = common;
    options.prefix = "before";
    options.events = events_before;
    options.events_a_second = 1e6;
    load before(options);
    before.join();
    REQUIRE(before.problems().empty());
  }
  const auto conninfo = servers[0].cluster().conninfo(servers[0].database());
  swarm_settings settings{.port = port, .servers = server_pair::size};
  swarm subscribers(make_members(of.subscribers, copy_log(conninfo), random), seed, settings);
  REQUIRE(wait_until([&] { return subscribers.all_begun(); }));

  auto options = common;
  options.events = of.events;
  options.events_a_second = of.events_a_second;
  load writers(options);
  REQUIRE(wait_until([&] { return writers.head() > 0; }));
  kill_in_turn(servers, writers, of);
  writers.join();
  settings.restless = false;
  const auto head = servers[1].event_count();
  const bool complete = wait_until([&] { return subscribers.all_at(head); }, 60s);
  subscribers.stop();
  MESSAGE(writers.summary());
  MESSAGE(subscribers.summary());
  CHECK(complete);
  for (const auto& sentence : writers.problems())
    FAIL_CHECK(sentence);
  const auto log = copy_log(conninfo);
  CHECK(static_cast<std::int64_t>(log.size()) == head);
  for (const auto& sentence : subscribers.differences_from(log, head))
    FAIL_CHECK(sentence);
  // Nothing of the history has changed: nobody was told so.
  for (const auto& one : subscribers.members())
    for (const auto& book : one->ledgers())
      CHECK(book->resyncs() == 0);
  // What had no answer was sent again, and landed once.
  CHECK(servers[1].sql(R"(SELECT count(*) FROM (SELECT FROM synclog.events
                          WHERE meta->>'idempotency_key' LIKE 'one-%' GROUP BY meta->>'idempotency_key'
                          HAVING count(*) > 1) twice)") == "0");
  // A run that disturbed nobody proves nothing.
  const auto& counts = settings.counters;
  CHECK(counts.orderly_ends > of.subscribers);
  CHECK(counts.resets > of.subscribers);
  CHECK(counts.cut_frames > 20);
  CHECK(counts.lost > 10);
  CHECK(log.size() >= of.events);
}
