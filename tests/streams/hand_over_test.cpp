// The place where a subscriber that catches up meets what is live: nothing is lost, doubled or unproven
// there.
#include "tests/streams/load.hpp"
#include "tests/streams/log_copy.hpp"
#include "tests/streams/long_run.hpp"
#include "tests/streams/swarm.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

namespace {

// A long stretch that concerns nobody.
void write_visits(const server_fixture& server, int count) {
  constexpr int in_one = 5'000;
  for (int done = 0; done < count; done += in_one) {
    std::string lines;
    for (int i = 0; i < in_one; ++i)
      lines += R"({"visit_date":"2026-03-04","branch":"north"})"
               "\n";
    const auto saved =
        server.request("POST", "/api/visits", {{"Content-Type", "application/x-ndjson"}}, lines);
    REQUIRE_MESSAGE(saved.status == 200, saved.body.substr(0, 300));
  }
}

} // namespace

TEST_CASE(
    "streams: who catches up through a stretch of others' events meets its own live ones without a gap") {
  const auto seed = choose_seed();
  CAPTURE(seed);
  const server_fixture server;
  write_visits(server, 20'000);
  const auto port = [&server](std::size_t) { return server.port(); };
  load writers(
      {.seed = seed, .events = 4'000, .events_a_second = 800, .resources = {"clients"}, .port = port});
  swarm_settings settings{.port = port};
  settings.restless = false;
  std::vector<std::unique_ptr<swarm>> waves;
  // Wave after wave, so that they arrive at the live end at all times; each filter is a channel of its own.
  for (std::uint64_t wave = 0; !writers.ended(); ++wave) {
    std::vector<subscriber_options> members;
    for (std::size_t i = 0; i < load_branches.size() * 2; ++i) {
      subscriber_options one;
      one.by = i % 2 == 0 ? transport::sse : transport::websocket;
      one.interests = {{.resources = {"clients"}, .branches = {std::string(load_branches[i / 2])}}};
      if (wave % 2 == 0) one.interests[0].actions = {"updated", "created"};
      one.from = i % 3 == 0 ? "0" : std::to_string(i * 1'000);
      members.push_back(std::move(one));
    }
    waves.push_back(std::make_unique<swarm>(std::move(members), seed + wave, settings, 1));
    const auto& latest = *waves.back();
    REQUIRE(wait_until([&] { return latest.all_at(20'000) || latest.any_broken(); }));
    // Only a few stay: the others' channels end with them, and are made anew.
    if (waves.size() % 4 != 0) waves.back()->stop();
  }
  writers.join();
  const auto head = server.event_count();
  bool complete = true;
  const auto log = copy_log(server.cluster().conninfo(server.database()));
  std::size_t followed = 0;
  for (auto& wave : waves) {
    const bool stays = ++followed % 4 == 0;
    if (stays) complete = complete && wait_until([&] { return wave->all_at(head); }, 30s);
    wave->stop();
    for (const auto& sentence : wave->differences_from(log, stays ? head : 0))
      FAIL_CHECK(sentence);
  }
  CHECK(complete);
  CHECK(followed > 8);
  MESSAGE(followed, " waves of ", load_branches.size() * 2);
  for (const auto& sentence : writers.problems())
    FAIL_CHECK(sentence);
}
