// What one event costs on its way to subscribers: its shared envelope, its frame in both transports, and the
// questions whom it concerns.
#include "bench/micro/samples.hpp"
#include "core/event_filter.hpp"
#include "eventstore/feed.hpp"
#include "http/streams/channel.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/interest_index.hpp"
#include "http/streams/wire_format.hpp"
#include "projections/list_query.hpp"
#include "projections/live_filter.hpp"
#include <atomic>
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <memory>

namespace {

using namespace synclog;
using namespace synclog::tests::bench;
namespace streams = synclog::http::streams;

constexpr std::size_t events_in_turn = 256;
constexpr std::size_t channel_bytes = 1u << 20;

std::vector<eventstore::feed_event_ptr> make_feed_events() {
  std::vector<eventstore::feed_event_ptr> made;
  for (const auto& event : sample_events(events_in_turn))
    made.push_back(eventstore::make_feed_event(event));
  return made;
}

core::event_filter filter_of(std::vector<std::string> branches) {
  core::event_filter made;
  made.resources = {"clients"};
  made.branches = std::move(branches);
  return made;
}

void event_envelope(benchmark::State& state) {
  const auto events = sample_events(events_in_turn);
  std::size_t turn = 0;
  for (auto _ : state) {
    auto encoded = core::encode_event(events[turn++ % events.size()]);
    benchmark::DoNotOptimize(encoded);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_envelope);

// One frame that a whole channel shares.
void event_frame(benchmark::State& state, const std::shared_ptr<const streams::wire_format>& format) {
  const auto events = make_feed_events();
  const streams::event_view view({}, format);
  std::string out;
  std::size_t turn = 0;
  for (auto _ : state) {
    out.clear();
    const auto& event = *events[turn++ % events.size()];
    if (!view.append(out, event, {event.at.position.value - 1}, {}))
      state.SkipWithError("an event is hidden");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(event_frame, sse, streams::shared_sse_format());
BENCHMARK_CAPTURE(event_frame, websocket, std::make_shared<const streams::socket_format>());

void event_filter_match(benchmark::State& state) {
  const auto events = make_feed_events();
  const auto filter = filter_of({"branch-03", "branch-07"});
  std::size_t turn = 0;
  for (auto _ : state) {
    auto verdict = core::apply(filter, events[turn++ % events.size()]->keys());
    benchmark::DoNotOptimize(verdict);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_filter_match);

// Whom an event concerns, among that many channels of one branch each.
void interest_index_visit(benchmark::State& state) {
  const auto events = make_feed_events();
  std::atomic<std::int64_t> all_bytes{0};
  streams::interest_index index;
  std::vector<streams::channel_ptr> channels;
  for (std::int64_t number = 0; number < state.range(0); ++number) {
    auto view = std::make_shared<const streams::event_view>(filter_of({fmt::format("branch-{:02}", number)}),
                                                            streams::shared_sse_format());
    channels.push_back(
        std::make_shared<streams::channel>(std::move(view), core::position{}, channel_bytes, all_bytes));
    index.add(channels.back());
  }
  std::size_t turn = 0, found = 0;
  for (auto _ : state)
    index.visit(*events[turn++ % events.size()], [&found](const streams::channel_ptr&) { ++found; });
  if (found == 0) state.SkipWithError("no event concerned anybody");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(interest_index_visit)->Arg(20)->Arg(1'000)->Arg(50'000);

// A live query's question to one record.
void live_filter_match(benchmark::State& state, const std::string& name, const std::string& value) {
  const auto docs = sample_docs(events_in_turn);
  const std::vector<std::pair<std::string, std::string>> asked{{name, value}};
  const auto query = projections::parse_list_query(sample_clients(), asked, {});
  if (!query) {
    state.SkipWithError("the query is refused");
    return;
  }
  const projections::live_filter filter(*query);
  std::size_t turn = 0;
  for (auto _ : state) {
    bool matches = filter.matches(docs[turn++ % docs.size()]);
    benchmark::DoNotOptimize(matches);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(live_filter_match, branch, "branch", "branch-03");
BENCHMARK_CAPTURE(live_filter_match, search, "search", "mustermann");

} // namespace
