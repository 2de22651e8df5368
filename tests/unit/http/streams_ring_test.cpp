// The ring of ready bytes, and the index that finds whom an event may concern.
#include "http/streams/byte_ring.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/interest_index.hpp"
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <set>

namespace core = synclog::core;
namespace streams = synclog::http::streams;
using streams::byte_ring;

namespace {

core::cursor cursor_of(std::int64_t position) {
  return {{position}, static_cast<std::uint32_t>(position * 7)};
}

std::string frame_of(std::int64_t position, std::size_t padding) {
  return "<" + std::to_string(position) + std::string(padding, '.') + ">";
}

} // namespace

TEST_CASE("byte ring: whoever has seen everything up to a position takes exactly what follows") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    constexpr std::size_t max_bytes = 20'000;
    const std::int64_t base = random() % 100;
    byte_ring ring({base}, max_bytes);
    std::map<std::int64_t, std::string> frames;
    std::int64_t position = base;
    std::int64_t dropped_to = base;
    for (int step = 0; step < 400; ++step) {
      position += 1 + static_cast<std::int64_t>(random() % 3);
      const auto padding = random() % 50 == 0 ? 70'000 : random() % 200;
      frames[position] = frame_of(position, padding);
      ring.append(cursor_of(position), {}, frames[position]);
      CHECK(ring.previous().value == position);
      if (random() % 100 == 0) ring.drop_oldest();

      const std::int64_t where =
          base + static_cast<std::int64_t>(random() % static_cast<unsigned>(position - base + 3));
      const auto slice = ring.after({where});
      if (!slice) {
        dropped_to = std::max(dropped_to, where); // something behind `where` is no longer held
        continue;
      }
      CHECK(where >= dropped_to);
      if (where >= position) {
        CHECK(slice->bytes.empty());
        continue;
      }
      REQUIRE(!slice->bytes.empty());
      // Whole frames, from the first behind `where`, without a hole.
      std::string expected;
      std::size_t count = 0;
      auto at = frames.upper_bound(where);
      REQUIRE(at != frames.end());
      const auto previous = at == frames.begin() ? base : std::prev(at)->first;
      CHECK(slice->first_previous.value == previous);
      for (; at != frames.end() && at->first <= slice->last.position.value; ++at, ++count)
        expected += at->second;
      REQUIRE(slice->bytes == expected);
      CHECK(slice->frames == count);
      CHECK(slice->last.fingerprint == cursor_of(slice->last.position.value).fingerprint);
    }
    const std::size_t largest = 70'100;
    CHECK(ring.bytes() <= max_bytes + largest);
  }
}

TEST_CASE("byte ring: what was taken stays, whatever becomes of the ring") {
  byte_ring ring({0}, 4'000);
  ring.append(cursor_of(1), {}, frame_of(1, 10));
  const auto taken = ring.after({0});
  REQUIRE(taken);
  for (std::int64_t position = 2; position < 300; ++position)
    ring.append(cursor_of(position), {}, frame_of(position, 90));
  CHECK(taken->bytes == frame_of(1, 10));
  CHECK_FALSE(ring.after({0})); // gone from the ring itself
  CHECK(ring.after({299})->bytes.empty());
  ring.restart({50});
  CHECK(ring.after({50})->bytes.empty());
  CHECK_FALSE(ring.after({49}));
  CHECK(taken->bytes == frame_of(1, 10));
}

TEST_CASE("byte ring: a quiet one gives everything up and stays complete for whoever has seen all") {
  byte_ring ring({0}, 1 << 20);
  for (std::int64_t position = 1; position <= 100; ++position)
    ring.append(cursor_of(position), {}, frame_of(position, 500));
  while (ring.drop_oldest()) {
  }
  CHECK(ring.bytes() == 0);
  CHECK_FALSE(ring.after({99}));
  REQUIRE(ring.after({100}));
  CHECK(ring.after({100})->bytes.empty());
  ring.append(cursor_of(105), {}, "x");
  const auto slice = ring.after({100});
  REQUIRE(slice);
  CHECK(slice->bytes == "x");
  CHECK(slice->first_previous.value == 100);
}

TEST_CASE("byte ring: what tells small frames apart counts too") {
  constexpr std::size_t max_bytes = 1 << 20, block = 64u << 10;
  constexpr std::size_t least_mark =
      sizeof(std::int64_t) + sizeof(std::uint32_t) + sizeof(byte_ring::clock::time_point);
  for (const std::size_t frame : {1u, 24u, 60u}) {
    CAPTURE(frame);
    byte_ring ring({0}, max_bytes);
    constexpr std::int64_t newest = 150'000;
    for (std::int64_t position = 1; position <= newest; ++position)
      ring.append(cursor_of(position), {}, std::string(frame, 'x'));
    std::int64_t gone = 0, held = newest; // the ring is complete from somewhere between them on
    while (gone + 1 < held) {
      const auto middle = (gone + held) / 2;
      (ring.after({middle}) ? held : gone) = middle;
    }
    const auto frames = static_cast<std::size_t>(newest - held);
    CHECK(frames > 1'000);
    CHECK(ring.bytes() <= max_bytes);
    CHECK(frames * (frame + least_mark) <= max_bytes + block);
    while (ring.drop_oldest()) {
    }
    CHECK(ring.bytes() == 0);
  }
}

TEST_CASE("channel: an event that comes again, after a round that broke off, is not there twice") {
  std::atomic<std::int64_t> bytes{0};
  streams::channel shared(
      std::make_shared<const streams::event_view>(core::event_filter{}, streams::shared_sse_format()), {0},
      1 << 20, bytes);
  core::event source;
  source.entity = "clients";
  source.data = source.meta = "{}";
  for (int i = 1; i <= 3; ++i) {
    source.position = {i};
    CHECK(shared.append(*synclog::eventstore::make_feed_event(source), {}));
  }
  const std::string once(shared.after({0})->bytes);
  for (int i = 1; i <= 3; ++i) {
    source.position = {i};
    CHECK_FALSE(shared.append(*synclog::eventstore::make_feed_event(source), {}));
  }
  CHECK(shared.after({0})->bytes == once);
  CHECK(shared.after({0})->frames == 3);
}

TEST_CASE("interest index: finds every stream that an event belongs to, each once") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> resources{"clients", "visits", "campaigns"},
      branches{"north", "south", "east", ""}, ids{"A", "B", "C", "D"},
      actions{"created", "updated", "deleted"};
  const auto some = [&random](const std::vector<std::string>& from) {
    std::vector<std::string> chosen;
    if (random() % 2 == 0) return chosen;
    for (const auto& one : from)
      if (random() % 3 == 0) chosen.push_back(one);
    return chosen;
  };
  std::atomic<std::int64_t> bytes{0};
  streams::interest_index index;
  std::vector<std::pair<streams::channel_ptr, core::event_filter>> all;
  for (int i = 0; i < 300; ++i) {
    core::event_filter filter;
    filter.resources = some(resources);
    filter.branches = some(branches);
    filter.ids = some(ids);
    filter.actions = some(actions);
    filter.caller.all_branches = random() % 3 != 0;
    if (!filter.caller.all_branches) filter.caller.branches = {branches[random() % 3]};
    auto view = std::make_shared<const streams::event_view>(filter, streams::shared_sse_format());
    auto made = std::make_shared<streams::channel>(view, core::position{0}, 1 << 20, bytes);
    index.add(made);
    all.emplace_back(std::move(made), std::move(filter));
  }
  for (int removed = 0; removed < 50; ++removed) {
    index.remove(all.back().first);
    all.pop_back();
  }
  for (int i = 1; i <= 500; ++i) {
    core::event source;
    source.position = {i};
    source.entity = resources[random() % resources.size()];
    source.record_id = ids[random() % ids.size()];
    source.branch = branches[random() % branches.size()];
    if (random() % 2 == 0) source.previous_branch = branches[random() % branches.size()];
    source.action = *core::event_action_from(actions[random() % actions.size()]);
    source.data = "{}";
    source.meta = "{}";
    const auto event = synclog::eventstore::make_feed_event(source);
    std::multiset<const streams::channel*> found;
    index.visit(*event, [&found](const streams::channel_ptr& one) { found.insert(one.get()); });
    for (const auto& [one, filter] : all) {
      CHECK(found.count(one.get()) <= 1);
      if (core::apply(filter, event->keys()) != core::filter_verdict::hide)
        CHECK(found.count(one.get()) == 1);
    }
    CHECK(found.size() <= all.size());
  }
}
