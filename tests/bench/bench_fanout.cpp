// Events delivered a second to many subscribers while 99 of 100 come in time: synclog over WebSocket and SSE,
// and broadcast servers in Node and nginx, with the same load, in interleaved rounds. --rate N measures one
// rate, with the larger number of events a POST, instead of looking for the highest; --batch N fixes that
// number for all, those with filters too. Run by tools/bench.
#include "bench/durable_server.hpp"
#include "bench/fanout_search.hpp"
#include "bench/live_servers.hpp"
#include "bench/options.hpp"
#include "bench/rounds.hpp"
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <stdexcept>
#include <vector>

namespace {

using namespace synclog::tests;
using namespace synclog::tests::bench;
using wire = subscriber_plan::wire;

constexpr branch_count filtered_branches = 40;
// Events in a POST that are tried. One event in 40 concerns a filtered subscriber: more must be written.
const std::vector<std::size_t> batches{1, 10}, filtered_batches{10, 100};
// A second, where the search begins: with fewer the cores sleep between them, and wake slowly.
constexpr double first_posts = 80;
constexpr double next_search_share = 0.6; // of the best rate so far, where the next search begins

struct contender {
  const live_server* server = nullptr;
  branch_count branches = 0;
  std::size_t batch = 0; // events in a POST; 0 = the first round will tell
  std::vector<fanout_step> rounds = {};
  std::string trouble = ""; // why it was left out

  std::string name() const { return server->name() + (branches > 0 ? "-filtered" : ""); }
  std::string key() const {
    std::string made = name();
    std::ranges::replace(made, '-', '_');
    return made;
  }
  template <class Figure>
  spread over(Figure figure) const {
    std::vector<double> values;
    for (const auto& one : rounds)
      values.push_back(figure(one));
    return spread_of(std::move(values));
  }
};

struct ratio {
  std::string key, of, to;
};
const std::vector<ratio> ratios{
    {"fanout_vs_node_ws", "synclog-ws", "node-ws"},
    {"fanout_vs_node_ws_corked", "synclog-ws", "node-ws-corked"},
    {"fanout_sse_vs_node_sse", "synclog-sse", "node-sse"},
    {"fanout_vs_nchan", "synclog-ws", "nchan-ws"},
    {"fanout_filtered_vs_node_ws", "synclog-ws-filtered", "node-ws"},
    {"fanout_filtered_vs_node_ws_filtered", "synclog-ws-filtered", "node-ws-filtered"},
};

const contender* find(const std::vector<contender>& all, const std::string& name) {
  const auto found = std::ranges::find_if(all, [&](const contender& one) { return one.name() == name; });
  return found == all.end() ? nullptr : &*found;
}

// Round by round, so that what slows the machine for a while slows both sides.
std::vector<std::pair<std::string, spread>> measured_ratios(const std::vector<contender>& all) {
  std::vector<std::pair<std::string, spread>> made;
  for (const auto& wanted : ratios) {
    const auto *of = find(all, wanted.of), *to = find(all, wanted.to);
    if (of == nullptr || to == nullptr) continue;
    std::vector<double> values;
    const auto rounds = std::min(of->rounds.size(), to->rounds.size());
    for (std::size_t i = 0; i < rounds; ++i)
      if (to->rounds[i].delivered > 0) values.push_back(of->rounds[i].delivered / to->rounds[i].delivered);
    // Where the other side mostly has no figure, the few rounds in which it had one say nothing.
    if (2 * values.size() > rounds) made.emplace_back(wanted.key, spread_of(std::move(values)));
  }
  return made;
}

void print_table(const std::vector<contender>& all) {
  fmt::print("{:<20} {:>11} {:>23} {:>8} {:>6} {:>7} {:>7} {:>8} {:>6}   {}\n", "server", "delivered/s",
             "lowest–highest", "events/s", "a POST", "p50 ms", "p99 ms", "POST p99", "bytes",
             "cores: generator, server, PostgreSQL, others");
  double others = 0;
  for (const auto& one : all) {
    const auto delivered = one.over([](const auto& step) { return step.delivered; });
    const auto median = [&](auto figure) { return one.over(figure).median; };
    fmt::print("{:<20} {:>11.0f} {:>11.0f}–{:<11.0f} {:>8.0f} {:>6} {:>7.2f} {:>7.2f} {:>8.2f} {:>6.0f}   "
               "{:.2f}, {:.2f}, {:.2f}, {:.2f}\n",
               one.name(), delivered.median, delivered.lowest, delivered.highest,
               median([](const auto& step) { return step.reached; }), one.batch,
               median([](const auto& step) { return step.sent_p50_ms; }),
               median([](const auto& step) { return step.sent_p99_ms; }),
               median([](const auto& step) { return step.answered_p99_ms; }),
               median([](const auto& step) { return step.event_bytes; }),
               median([](const auto& step) { return step.generator_cores; }),
               median([](const auto& step) { return step.serving_cores; }),
               median([](const auto& step) { return step.database_cores; }),
               median([](const auto& step) { return step.others_cores; }));
    others = std::max(others, one.over([](const auto& step) { return step.others_cores; }).highest);
  }
  for (const auto& [key, value] : measured_ratios(all))
    fmt::print("{}: median {:.2f} (lowest {:.2f}, highest {:.2f})\n", key, value.median, value.lowest,
               value.highest);
  if (others > quiet_cores)
    fmt::print("other processes took up to {:.2f} cores: repeat on a quiet machine\n", others);
}

void write_json(const std::string& path, const std::vector<contender>& all) {
  std::ofstream out(path);
  out << "{\"fanout_rounds\":" << (all.empty() ? 0 : all.front().rounds.size());
  for (const auto& [key, value] : measured_ratios(all))
    out << ",\n \"" << key << "\":" << json_of(value);
  for (const auto& one : all) {
    const auto figure = [&](const char* name, auto read) {
      out << ",\n \"" << one.key() << "_" << name << "\":" << json_of(one.over(read));
    };
    out << ",\n \"" << one.key() << "_events_a_post\":" << one.batch;
    figure("delivered_per_s", [](const auto& step) { return step.delivered; });
    figure("p99_ms", [](const auto& step) { return step.sent_p99_ms; });
    figure("event_bytes", [](const auto& step) { return step.event_bytes; });
    figure("generator_cores", [](const auto& step) { return step.generator_cores; });
    figure("serving_cores", [](const auto& step) { return step.serving_cores; });
    figure("database_cores", [](const auto& step) { return step.database_cores; });
    figure("others_cores", [](const auto& step) { return step.others_cores; });
  }
  out << "}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

std::vector<std::size_t> batches_for(const options& given, const contender& one) {
  if (!given.text("batch").empty()) return {static_cast<std::size_t>(given.number("batch"))};
  const auto& all = one.branches > 0 ? filtered_batches : batches;
  return given.text("rate").empty() ? all : std::vector<std::size_t>{all.back()};
}

fanout_options options_for(const options& given, const contender& one) {
  fanout_options made;
  made.subscribers = static_cast<std::size_t>(given.number("subscribers"));
  made.branches = one.branches;
  made.batch = one.batch;
  made.step_seconds = given.number("seconds");
  made.p99_bound_ms = given.number("p99-ms");
  made.patience_seconds = std::atof(given.text("patience").c_str());
  made.verbose = given.flag("verbose");
  double best = 0;
  for (const auto& step : one.rounds)
    best = std::max(best, step.rate);
  made.first_rate = best > 0 ? best * next_search_share : first_posts * static_cast<double>(one.batch);
  return made;
}

// What had been sent when one failed is not known: no number is used twice.
constexpr std::uint64_t numbers_left_out = 1'000'000;

fanout_step measure_one(const options& given, contender& one, std::uint64_t& next_number) {
  try {
    fanout_measurement measurement(*one.server, options_for(given, one), next_number);
    return given.text("rate").empty() ? measurement.search() : measurement.step(given.number("rate"));
  } catch (const std::runtime_error&) {
    next_number += numbers_left_out;
    throw;
  }
}

// With each number of events in a POST; the best is the first round, and its number that of the others.
void first_round(const options& given, contender& one, std::uint64_t& next_number) {
  fanout_step best;
  std::size_t chosen = 0;
  for (const auto batch : batches_for(given, one)) {
    one.batch = batch;
    try {
      const auto found = measure_one(given, one, next_number);
      fmt::print("tried: {}, {} in a POST: {:.0f} delivered/s\n", one.name(), batch, found.delivered);
      if (chosen == 0 || found.delivered > best.delivered) {
        best = found;
        chosen = batch;
      }
    } catch (const std::runtime_error& failed) {
      one.trouble = failed.what();
      fmt::print("tried: {}, {} in a POST: it failed: {}\n", one.name(), batch, failed.what());
    }
    std::fflush(stdout);
  }
  if (chosen == 0) return;
  one.trouble.clear();
  one.batch = chosen;
  one.rounds.push_back(best);
}

void measure_round(const options& given, std::vector<contender>& all, std::uint64_t& next_number) {
  for (auto& one : all) {
    if (!one.trouble.empty()) continue;
    if (one.batch == 0) {
      first_round(given, one, next_number);
      continue;
    }
    try {
      one.rounds.push_back(measure_one(given, one, next_number));
    } catch (const std::runtime_error& failed) {
      one.trouble = failed.what();
    }
  }
}

// A peer that is missing, or does not start, is skipped by name.
template <class Start>
void add_peer(std::vector<std::unique_ptr<live_server>>& servers, const std::string& name, Start start) {
  std::string missing;
  try {
    if (auto peer = start(missing)) {
      servers.push_back(std::move(peer));
      return;
    }
  } catch (const std::runtime_error& failed) {
    missing = failed.what();
  }
  fmt::print("skipped: {}: {}\n", name, missing);
}

int measure(const options& given) {
  fault::serving server(
      {.program = given.text("synclog"), .arguments = {"--entities", SYNCLOG_BENCH_DIR "/entities"}});
  start_with_settings(server);
  std::vector<std::unique_ptr<live_server>> servers;
  servers.push_back(make_synclog(server, wire::websocket));
  servers.push_back(make_synclog(server, wire::sse));
  for (const auto& [mode, speaks] : std::vector<std::pair<std::string, wire>>{
           {"ws", wire::websocket}, {"ws-corked", wire::websocket}, {"sse", wire::sse}}) {
    add_peer(servers, "node-" + mode,
             [&](std::string& missing) { return start_node_peer(mode, speaks, missing); });
  }
  add_peer(servers, "nchan-ws", [](std::string& missing) { return start_nchan_peer(missing); });
  std::vector<contender> all;
  for (const auto& one : servers)
    all.push_back({.server = one.get()});
  for (const auto& one : servers)
    if (one->name() == "synclog-ws" || one->name() == "node-ws")
      all.push_back({.server = one.get(), .branches = filtered_branches});
  if (const auto& only = given.text("only"); !only.empty())
    std::erase_if(all, [&](const contender& one) {
      return ("," + only + ",").find("," + one.name() + ",") == std::string::npos;
    });
  for (const auto& one : servers)
    fmt::print("{}: {}\n", one->name(), one->version());
  fmt::print("{} subscribers, filtered ones of {} branches, p99 at most {} ms from sending the POST\n",
             given.number("subscribers"), filtered_branches, given.number("p99-ms"));
  std::fflush(stdout);
  std::uint64_t next_number = 1;
  for (int round = 0; round < given.number("rounds"); ++round)
    measure_round(given, all, next_number);
  // One that fails costs its own figures only.
  for (const auto& one : all)
    if (!one.trouble.empty()) fmt::print("skipped: {}: it failed: {}\n", one.name(), one.trouble);
  std::erase_if(all, [](const contender& one) { return !one.trouble.empty(); });
  print_table(all);
  if (!given.text("json").empty()) write_json(given.text("json"), all);
  servers.clear();
  const int code = server.stop();
  if (code != 0)
    throw std::runtime_error(fmt::format("the server ended with {}: {}", code, server.output_tail()));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const options given(argc, argv,
                      {{"synclog", SYNCLOG_BINARY},
                       {"rounds", "3"},
                       {"seconds", "2"},
                       {"subscribers", "1000"},
                       {"batch", ""},
                       {"p99-ms", "15"},
                       {"rate", ""},
                       {"patience", "0"},
                       {"only", ""},
                       {"json", ""},
                       {"verbose", "no"}});
  try {
    return measure(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_fanout: {}\n", failed.what());
    return 1;
  }
}
