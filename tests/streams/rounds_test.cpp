// What comes while subscribers are being written to.
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "pg/eventstore/log_fixture.hpp"
#include <algorithm>
#include <atomic>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
namespace streams = synclog::http::streams;

namespace {

constexpr std::size_t listeners = 512;
constexpr auto writing_takes = 100us; // to one: a group of 64 is longer than a stretch of a round

// Notes what its stream shows whenever it is woken, behind what it has.
struct listener final : http::wakeable {
  listener(streams::hub& hub, std::function<void()> when_woken)
      : bell(hub.sweep(), *this), when_woken_(std::move(when_woken)) {}

  void wake() override {
    when_woken_();
    std::this_thread::sleep_for(writing_takes);
    std::size_t written = 0;
    for (auto shown = membership.shared().after(has); shown && shown->frames > 0;
         shown = membership.shared().after(has)) {
      is_whole = is_whole && shown->first_previous == has;
      has = shown->last.position;
      written += shown->frames;
    }
    if (written > 0) frames.push_back(written);
    reached = has.value;
  }

  streams::bell bell;
  streams::hub::membership membership;
  core::position has;
  bool is_whole = true;            // what was shown began behind what it had
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

streams::stream_view_ptr all_events() {
  return std::make_shared<const streams::event_view>(core::event_filter{}, streams::shared_sse_format());
}

// All events, and the log is asked for the record before one of them.
class asking_view final : public streams::stream_view {
 public:
  std::string key() const override { return "asking"; }
  streams::stream_interest interest() const override { return shown_->interest(); }
  const streams::wire_format& format() const override { return shown_->format(); }
  bool may_want_before() const override { return true; }
  static constexpr std::int64_t asked_about = 11;
  bool wants_before(const eventstore::feed_event& event) const override {
    return event.at.position.value == asked_about;
  }
  bool append(std::string& out, const eventstore::feed_event& event, core::position previous,
              const streams::docs_before& before) const override {
    if (wants_before(event) && !before.states.contains(event.at.position.value)) ++unanswered_;
    return shown_->append(out, event, previous, before);
  }
  int unanswered() const { return unanswered_; }

 private:
  const streams::stream_view_ptr shown_ = all_events();
  mutable std::atomic<int> unanswered_{0};
};

// A stream of all events with its listeners. When the first of them is written the first event, `meanwhile`
// more come.
struct one_round {
  one_round(std::size_t lanes, std::int64_t meanwhile, const streams::stream_view_ptr& view = all_events())
      : hub(threads.executor(), server.feed, server.log,
            {.before_patience = default_patience, .lanes = lanes}),
        last(1 + meanwhile) {
    hub.start();
    // What is published here is not in the log: the feed must not look for it there.
    REQUIRE(wait_until([&] { return server.feed.stats().tail_reads > 0; }));
    const auto publish_rest = [this] {
      if (woken.fetch_add(1) > 0) return;
      std::vector<core::event> rest;
      for (std::int64_t position = 2; position <= last; ++position)
        rest.push_back(client_at(position));
      server.feed.publish(server.feed.head(), rest);
    };
    for (std::size_t i = 0; i < listeners; ++i) {
      auto& one = all.emplace_back(hub, publish_rest);
      auto joined = hub.join(view, one.bell);
      REQUIRE(joined.has_value());
      one.membership = std::move(*joined);
    }
    server.feed.publish(server.feed.head(), {client_at(1)});
    const auto all_came = [&] {
      return std::ranges::all_of(all, [&](const listener& one) { return one.reached == last; });
    };
    CHECK(wait_until(all_came));
    for (auto& one : all)
      one.membership = {};
    threads.run(hub.stop());
    for (const auto& one : all) {
      const auto came = std::accumulate(one.frames.begin(), one.frames.end(), std::size_t{0});
      CHECK(came == static_cast<std::size_t>(last));
      CHECK(one.is_whole);
    }
  }

  test_cluster& cluster = test_cluster::shared();
  const std::string database = fresh_log(cluster);
  io_threads threads;
  log_server server{threads, cluster, database, {}, {.poll_interval = 1h}};
  streams::hub hub;
  const std::int64_t last;
  std::atomic<int> woken{0};
  std::deque<listener> all;
};

} // namespace

TEST_CASE(
    "rounds: what comes while others are written to leaves with the same write for those still to come") {
  std::size_t lanes = 0;
  SUBCASE("one thread writes") {
    lanes = 1;
  }
  SUBCASE("three threads write") {
    lanes = 3;
  }
  const one_round made(lanes, 1);
  const auto at_once = std::ranges::count_if(
      made.all, [](const listener& one) { return one.frames == std::vector<std::size_t>{2}; });
  // All but those of the first stretches.
  CHECK(at_once > 0);
  CHECK(at_once < static_cast<std::ptrdiff_t>(listeners));
}

TEST_CASE("rounds: more than a round takes up comes behind it, whole and in order") {
  const one_round made(1, 2'000);
  CHECK(made.woken > static_cast<int>(listeners));
}

TEST_CASE(
    "rounds: what the log must be asked about is not taken up, and comes behind the round with its answer") {
  const auto view = std::make_shared<const asking_view>();
  const one_round made(1, 20, view);
  CHECK(view->unanswered() == 0);
  const auto apart = [](const listener& one) { return one.frames == std::vector<std::size_t>{1, 20}; };
  CHECK(std::ranges::all_of(made.all, apart));
}
