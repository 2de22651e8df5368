// What one event costs on its way into the log: its id, its link of the hash chain, its stored text.
#include "bench/micro/samples.hpp"
#include "core/chain.hpp"
#include "core/ids.hpp"
#include "core/record.hpp"
#include <benchmark/benchmark.h>

namespace {

using namespace synclog;
using namespace synclog::tests::bench;

constexpr std::size_t events_in_turn = 256;

void make_id(benchmark::State& state) {
  for (auto _ : state) {
    auto id = core::make_record_id("CLT");
    benchmark::DoNotOptimize(id);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_id);

// With its salt, as the committer seals an event.
void chain_step(benchmark::State& state) {
  auto events = sample_events(events_in_turn);
  core::chain_hasher hasher(core::uuid{});
  auto hash = hasher.genesis();
  std::size_t turn = 0;
  for (auto _ : state) {
    auto& event = events[turn++ % events.size()];
    core::fill_random(event.salt.data(), event.salt.size());
    const std::string_view salt(reinterpret_cast<const char*>(event.salt.data()), event.salt.size());
    hash = hasher.next(hash, event, hasher.data_hash(salt, event.data));
    benchmark::DoNotOptimize(hash);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(chain_step);

void record_encode(benchmark::State& state) {
  const auto docs = sample_docs(events_in_turn);
  std::vector<core::record> records;
  for (const auto& doc : docs)
    records.push_back(core::decode_record(sample_clients(), doc).value());
  std::size_t turn = 0;
  for (auto _ : state) {
    const auto& record = records[turn++ % records.size()];
    auto doc = core::encode_record(sample_clients(), record.head, record.fields);
    benchmark::DoNotOptimize(doc);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(record_encode);

void record_decode(benchmark::State& state) {
  const auto docs = sample_docs(events_in_turn);
  std::size_t turn = 0;
  for (auto _ : state) {
    auto record = core::decode_record(sample_clients(), docs[turn++ % docs.size()]);
    benchmark::DoNotOptimize(record);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(record_decode);

} // namespace
