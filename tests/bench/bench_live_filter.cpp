// live_filter::matches in a loop over a thousand client records: answers per second and thread for the
// questions that live queries ask most, best of many short rounds. Needs no server and no database.
#include "bench/options.hpp"
#include "core/json.hpp"
#include "core/record.hpp"
#include "projections/live_filter.hpp"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <vector>

namespace {

using namespace synclog;
using parameters = std::vector<std::pair<std::string, std::string>>;

// Records as the samples have them: a short name, some contact data, a nested object behind.
std::vector<std::string> client_records(const core::entity& clients, std::size_t count) {
  constexpr const char* names[] = {"Amara Okafor", "José Álvarez", "Nguyễn Thị Hoa", "John Smith",
                                   "Zoë O\\\"Brien"};
  constexpr const char* branches[] = {"north", "east", "south", "west"};
  std::vector<std::string> docs;
  for (std::size_t i = 0; i < count; ++i) {
    core::field_texts fields(clients.fields.size());
    const auto set = [&](const char* name, const std::string& json_text) {
      fields.set(clients.field_index(name).value(), json_text);
    };
    set("reference_number", fmt::format("\"REF-{:06}\"", i));
    set("full_name", fmt::format("\"{} {}\"", names[i % std::size(names)], i));
    set("phone", fmt::format("\"08{:08}\"", i * 7919 % 100'000'000));
    set("email", fmt::format("\"client{}@example.org\"", i));
    set("date_of_birth", fmt::format("\"19{:02}-0{}-1{}\"", i % 100, 1 + i % 9, i % 10));
    set("address", "\"12 Long Street, third floor\"");
    set("city", "\"Chiang Mai\"");
    set("branch", fmt::format("\"{}\"", branches[i % std::size(branches)]));
    set("data", R"({"visits":[{"day":"2026-11-23","note":"first"}],"consent":true,"score":12.5})");
    const auto position = static_cast<std::int64_t>(i + 1);
    const core::timestamp moment{1'795'000'000'000'000 + position * 1'000'001};
    docs.push_back(core::encode_record(
        clients, {fmt::format("CLT-0193b7c2-1f4e-7c3a-9d21-{:012}", i), 1, {position}, moment, moment},
        fields));
  }
  return docs;
}

struct measured {
  double per_second = 0;
  std::size_t shown = 0; // of one pass
};

measured measure(const projections::live_filter& filter, const std::vector<std::string>& docs, int rounds,
                 int passes) {
  measured best;
  for (int round = 0; round < rounds; ++round) {
    std::size_t shown = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int pass = 0; pass < passes; ++pass)
      for (const std::string& doc : docs)
        shown += filter.matches(doc) ? 1 : 0;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best.per_second = std::max(best.per_second, static_cast<double>(docs.size()) * passes / took.count());
    best.shown = shown / static_cast<std::size_t>(passes);
  }
  return best;
}

} // namespace

int main(int argc, char** argv) {
  const tests::bench::options given(argc, argv, {{"records", "1000"}, {"rounds", "300"}, {"passes", "4"}});
  const auto entities = core::catalog::load("");
  if (!entities) {
    fmt::print(stderr, "bench_live_filter: {}\n", entities.error().detail);
    return EXIT_FAILURE;
  }
  const core::entity& clients = *entities->find("clients");
  const std::vector<std::string> docs =
      client_records(clients, static_cast<std::size_t>(std::max(1, given.number("records"))));
  fmt::print("{} records of {} bytes\n", docs.size(), docs.front().size());
  core::scope north;
  north.all_branches = false;
  north.branches = {"north"};
  struct question {
    const char* what;
    parameters asked;
    core::scope caller;
  };
  const std::vector<question> questions = {
      {"no filter", {}, {}},
      {"a caller of one branch", {}, north},
      {"branch=north", {{"branch", "north"}}, {}},
      {"branch= any of three", {{"branch", "north"}, {"branch", "east"}, {"branch", "x"}}, {}},
      {"updated_at[gt]", {{"updated_at[gt]", "2026-11-18T00:00:00Z"}}, {}},
      {"date_of_birth range",
       {{"date_of_birth[gte]", "1950-01-01"}, {"date_of_birth[lt]", "1960-01-01"}},
       {}},
      {"city[ne]=", {{"city[ne]", ""}}, {}},
      {"search, found in one of five", {{"search", "alvarez"}}, {}},
      {"search, found nowhere", {{"search", "nobody"}}, {}},
      {"search and branch", {{"search", "alvarez"}, {"branch", "north"}}, {}},
  };
  for (const question& each : questions) {
    const auto query = projections::parse_list_query(clients, each.asked, each.caller);
    if (!query) {
      fmt::print(stderr, "bench_live_filter: {}: {}\n", each.what, query.error().detail);
      return EXIT_FAILURE;
    }
    const measured result = measure(projections::live_filter(*query), docs,
                                    std::max(1, given.number("rounds")), std::max(1, given.number("passes")));
    fmt::print("{:<30} {:>8.2f} million/s {:>8.0f} ns each, {} shown\n", each.what, result.per_second / 1e6,
               1e9 / result.per_second, result.shown);
  }
  return EXIT_SUCCESS;
}
