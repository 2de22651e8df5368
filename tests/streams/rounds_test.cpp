// What comes while subscribers are being written to.
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "pg/eventstore/log_fixture.hpp"
#include <algorithm>
#include <atomic>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <thread>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
namespace streams = synclog::http::streams;

namespace {

constexpr std::size_t listeners = 256;
constexpr auto writing_takes = 100us; // to one: a group of 64 is longer than a stretch of a round

// Notes what its stream shows whenever it is woken, behind what it has.
struct listener final : http::wakeable {
  listener(streams::hub& hub, std::function<void()> when_woken)
      : bell(hub.sweep(), *this), when_woken_(std::move(when_woken)) {}

  void wake() override {
    when_woken_();
    std::this_thread::sleep_for(writing_takes);
    const auto shown = membership.shared().after(has);
    if (!shown || shown->frames == 0) return;
    frames.push_back(shown->frames);
    has = shown->last.position;
    reached = has.value;
  }

  streams::bell bell;
  streams::hub::membership membership;
  core::position has;
  std::vector<std::size_t> frames; // in each write
  std::atomic<std::int64_t> reached{0};

 private:
  std::function<void()> when_woken_;
};

core::event client_at(std::int64_t position) {
  core::event made;
  made.position = {position};
  made.entity = "clients";
  made.record_id = "C" + std::to_string(position);
  made.version = 1;
  made.action = core::event_action::created;
  made.branch = "north";
  made.data = R"({"id":"C","branch":"north"})";
  made.meta = "{}";
  return made;
}

} // namespace

TEST_CASE(
    "rounds: what comes while others are written to leaves with the same write for those still to come") {
  test_cluster& cluster = test_cluster::shared();
  const std::string database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database, {}, {.poll_interval = 1h});
  streams::hub hub(threads.executor(), server.feed, server.log, {.lanes = 1});
  hub.start();
  // What is published here is not in the log: the feed must not look for it there.
  REQUIRE(wait_until([&] { return server.feed.stats().tail_reads > 0; }));
  std::atomic<int> woken{0};
  const auto publish_second = [&] {
    if (woken.fetch_add(1) == 0) server.feed.publish(server.feed.head(), {client_at(2)});
  };
  std::deque<listener> all;
  for (std::size_t i = 0; i < listeners; ++i) {
    auto& one = all.emplace_back(hub, publish_second);
    auto joined = hub.join(
        std::make_shared<const streams::event_view>(core::event_filter{}, streams::shared_sse_format()),
        one.bell);
    REQUIRE(joined.has_value());
    one.membership = std::move(*joined);
  }
  server.feed.publish(server.feed.head(), {client_at(1)});
  const auto all_have_both = [&] {
    return std::ranges::all_of(all, [](const listener& one) { return one.reached == 2; });
  };
  CHECK(wait_until(all_have_both));
  for (auto& one : all)
    one.membership = {};
  threads.run(hub.stop());
  std::size_t at_once = 0;
  for (const auto& one : all) {
    at_once += one.frames == std::vector<std::size_t>{2} ? 1 : 0;
    CHECK((one.frames == std::vector<std::size_t>{2} || one.frames == std::vector<std::size_t>{1, 1}));
  }
  // All but those of the first stretches.
  CHECK(at_once >= listeners / 2);
  CHECK(at_once < listeners);
}
