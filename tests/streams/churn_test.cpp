// Subscriptions that come, change and go by the thousand a second under writers: those who stay, and those
// who change, lose nothing.
#include "tests/streams/interests.hpp"
#include "tests/streams/load.hpp"
#include "tests/streams/long_run.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/streams/swarm.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

namespace {

// A few who stay, sockets that change what they follow some 25 times a second, and streams that live for
// moments.
std::vector<subscriber_options> make_members(std::mt19937_64& random) {
  constexpr std::size_t steady = 12, fickle = 40, fleeting = 30;
  std::vector<subscriber_options> made;
  for (std::size_t number = 0; number < steady + fickle + fleeting; ++number) {
    subscriber_options one;
    one.interests.push_back(random_interest(random));
    one.from = number % 2 == 0 ? "0" : "";
    if (number < steady) {
      one.by = number % 2 == 0 ? transport::sse : transport::websocket;
    } else if (number < steady + fickle) {
      one.by = transport::websocket;
      one.fickle = true;
      one.interests.push_back(random_interest(random));
    } else {
      one.restless = true;
      one.longest_life = 60ms;
    }
    made.push_back(std::move(one));
  }
  return made;
}

} // namespace

TEST_CASE("streams: a thousand subscribes and unsubscribes a second during writes lose nothing") {
  const auto seed = choose_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const server_fixture server;
  const auto port = [&server](std::size_t) { return server.port(); };
  swarm_settings settings{.port = port};
  swarm subscribers(make_members(random), seed, settings);
  REQUIRE(wait_until([&] { return subscribers.all_begun(); }));
  const std::size_t events = is_long() ? 60'000 : 4'000;
  const auto began = std::chrono::steady_clock::now();
  load writers(
      {.seed = seed, .events = events, .events_a_second = is_long() ? 1'000.0 : 500.0, .port = port});
  writers.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  settings.fickle = false;
  settings.restless = false;
  const auto& counts = settings.counters;
  const auto changes = counts.commands + counts.connections;
  MESSAGE("seed ", seed, ": ", fmt::format("{:.0f}", static_cast<double>(changes) / took.count()),
          " changes a second for ", fmt::format("{:.1f} s", took.count()));
  const auto head = server.event_count();
  CHECK(wait_until([&] { return subscribers.all_at(head); }, 30s));
  subscribers.stop();
  MESSAGE(subscribers.summary());
  for (const auto& sentence : writers.problems())
    FAIL_CHECK(sentence);
  const auto log = copy_log(server.cluster().conninfo(server.database()));
  for (const auto& sentence : subscribers.differences_from(log, head))
    FAIL_CHECK(sentence);
  // A slow machine makes fewer of them, a broken test none.
  CHECK(static_cast<double>(changes) > 300 * took.count());
  CHECK(counts.lost == 0);
  CHECK(counts.refused == 0);
  CHECK(wait_until([&] { return metric(server.port(), "synclog_http_streams") == 0; }));
}
