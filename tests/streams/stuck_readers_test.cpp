// Subscribers that never read cost the server a bounded memory and the others nothing. How much later the
// others get their events is a measurement: tests/bench/bench_stuck_readers.
#include "tests/streams/delays.hpp"
#include "tests/streams/load.hpp"
#include "tests/streams/long_run.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/streams/stuck_readers.hpp"
#include "tests/streams/swarm.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

TEST_CASE("streams: 20 readers that never read leave the server's memory bounded, and the others complete") {
  // A queue for each of the stuck ones alone would hold 160 MB.
  constexpr std::size_t stuck = 20, event_bytes = 4'000, events = 2'000;
  constexpr std::int64_t max_growth_kb = 80 << 10;
  const std::size_t reading = is_long() ? 980 : 180;
  const auto seed = choose_seed();
  CAPTURE(seed);
  const server_fixture server;
  const auto port = [&server](std::size_t) { return server.port(); };
  load_options options{.seed = seed, .usual_bytes = event_bytes, .port = port};
  options.prefix = "before";
  options.events = events;
  options.events_a_second = 1e6;
  {
    load before(options);
    before.join();
    REQUIRE(before.problems().empty());
  }
  delays took;
  swarm_settings settings{.port = port, .on_event = [&took](std::string_view at) { took.note(at); }};
  std::vector<subscriber_options> members(reading);
  for (std::size_t number = 0; number < reading; ++number) {
    members[number].by = number % 2 == 0 ? transport::sse : transport::websocket;
    members[number].interests.resize(1);
    members[number].depth = envelope_depth::places;
  }
  members[0].depth = members[1].depth = envelope_depth::whole;
  swarm subscribers(std::move(members), seed, settings);
  REQUIRE(wait_until([&] { return subscribers.all_begun(); }));

  const auto before_kb = resident_kb(server.pid());
  // Half of them stand still in the log, half in what is live.
  stuck_readers still;
  still.add(server.port(), stuck / 2, "0");
  still.add(server.port(), stuck / 2, "");
  REQUIRE(wait_until(
      [&] { return metric(server.port(), "synclog_http_streams") == static_cast<double>(reading + stuck); }));
  options.prefix = "w";
  options.events_a_second = 400;
  load writers(options);
  std::int64_t most_kb = 0;
  const auto look = [&] { most_kb = std::max(most_kb, resident_kb(server.pid())); };
  REQUIRE(wait_until(
      [&] {
        look();
        return writers.ended();
      },
      120s));
  writers.join();
  CHECK(writers.problems().empty());
  const auto head = server.event_count();
  CHECK(wait_until([&] {
    look();
    return subscribers.all_at(head);
  }));
  MESSAGE(took.summary(), "; resident ", before_kb, " kB before, ", most_kb, " kB at most");
  CHECK(most_kb - before_kb < max_growth_kb);
  // They are cut off when they have taken nothing for half a minute.
  if (is_long())
    CHECK(wait_until(
        [&] { return metric(server.port(), "synclog_http_streams") == static_cast<double>(reading); }, 60s));
  subscribers.stop();
  for (const auto& sentence :
       subscribers.differences_from(copy_log(server.cluster().conninfo(server.database())), head))
    FAIL_CHECK(sentence);
  CHECK(settings.counters.lost == 0);
}

TEST_CASE("streams: those who ask for the whole log and never take it hold a bounded part of it together") {
  // A page of a megabyte each would be 150 MB.
  constexpr std::size_t stuck = 150;
  constexpr std::int64_t max_growth_kb = 110 << 10;
  const server_fixture server;
  load_options options{.usual_bytes = 4'000, .port = [&server](std::size_t) { return server.port(); }};
  options.events = 2'500;
  options.events_a_second = 1e6;
  load before(options);
  before.join();
  REQUIRE(before.problems().empty());
  const auto before_kb = resident_kb(server.pid());
  stuck_readers still;
  still.add(server.port(), stuck, "0");
  std::int64_t most_kb = 0;
  int quiet = 0; // looks in a row at which nothing was sent any more
  double sent = 0;
  CHECK(wait_until([&] {
    most_kb = std::max(most_kb, resident_kb(server.pid()));
    const auto now = metric(server.port(), "synclog_http_sent_bytes_total");
    const bool all_open = metric(server.port(), "synclog_http_streams") == static_cast<double>(stuck);
    // Each answer to a look adds a little.
    quiet = all_open && now - sent < 1e5 ? quiet + 1 : 0;
    sent = now;
    return quiet > 20;
  }));
  MESSAGE("resident ", before_kb, " kB before, ", most_kb, " kB at most");
  CHECK(most_kb - before_kb < max_growth_kb);
  // Whoever takes it gets it whole.
  swarm_settings settings{.port = [&server](std::size_t) { return server.port(); }};
  std::vector<subscriber_options> members(4);
  for (std::size_t number = 0; number < members.size(); ++number) {
    members[number].by = number % 2 == 0 ? transport::sse : transport::websocket;
    members[number].interests.resize(1);
    members[number].from = "0";
  }
  swarm subscribers(std::move(members), 1, settings);
  const auto head = server.event_count();
  CHECK(wait_until([&] { return subscribers.all_at(head); }));
  subscribers.stop();
  for (const auto& sentence :
       subscribers.differences_from(copy_log(server.cluster().conninfo(server.database())), head))
    FAIL_CHECK(sentence);
}
