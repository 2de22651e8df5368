// What one record costs at the door: JSON to a tree, canonical text back, validation; and one row of a CSV
// file.
#include "bench/micro/samples.hpp"
#include "core/csv.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/validate.hpp"
#include <benchmark/benchmark.h>

namespace {

using namespace synclog;
using namespace synclog::tests::bench;

constexpr std::size_t bodies_in_turn =
    256; // more than one, so that branch prediction does not learn it by heart

std::vector<std::string> make_bodies() {
  sample_bodies source;
  std::vector<std::string> made;
  for (std::size_t index = 0; index < bodies_in_turn; ++index)
    made.push_back(source.create());
  return made;
}

std::vector<core::json::document> parse_all(const std::vector<std::string>& bodies) {
  std::vector<core::json::document> parsed;
  for (const auto& body : bodies)
    parsed.push_back(core::json::parse(body).value());
  return parsed;
}

void count_bytes(benchmark::State& state, const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const auto& text : texts)
    bytes += text.size();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes / texts.size()));
  state.SetItemsProcessed(state.iterations());
}

void json_parse(benchmark::State& state) {
  const auto bodies = make_bodies();
  std::size_t turn = 0;
  for (auto _ : state) {
    auto parsed = core::json::parse(bodies[turn++ % bodies.size()]);
    benchmark::DoNotOptimize(parsed);
  }
  count_bytes(state, bodies);
}
BENCHMARK(json_parse);

void json_canonical_text(benchmark::State& state) {
  const auto bodies = make_bodies();
  const auto parsed = parse_all(bodies);
  std::string out;
  std::size_t turn = 0;
  for (auto _ : state) {
    out.clear();
    core::json::append_value(out, parsed[turn++ % parsed.size()].root());
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, bodies);
}
BENCHMARK(json_canonical_text);

void validate_client(benchmark::State& state) {
  const auto bodies = make_bodies();
  const auto parsed = parse_all(bodies);
  std::size_t turn = 0;
  for (auto _ : state) {
    auto record = core::validate_object(sample_clients(), parsed[turn++ % parsed.size()].root(), "");
    if (!record) state.SkipWithError("a sample is no client");
    benchmark::DoNotOptimize(record);
  }
  count_bytes(state, bodies);
}
BENCHMARK(validate_client);

// A row read from the file and made a record; opening the file is spread over its rows.
void csv_row(benchmark::State& state) {
  constexpr std::size_t rows_a_file = 1'000;
  const auto text = sample_bodies().csv(rows_a_file);
  std::size_t rows = 0;
  for (auto _ : state) {
    auto opened = core::csv::reader::open(text);
    const auto plan = core::csv::column_plan::make(sample_clients(), opened->header(), {}, opened->dialect());
    for (core::csv::row row; opened->next(row); ++rows) {
      auto record = plan->to_record(row);
      if (!record) state.SkipWithError("a sample is no client");
      benchmark::DoNotOptimize(record);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(rows));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(csv_row)->Unit(benchmark::kMillisecond);

} // namespace
