// What thousands of subscribers cost while nothing happens: user-space memory of the server for each
// connection, how long opening them takes, and processor time; SSE and WebSocket apart, synclog and the same
// in Node. Run by tools/bench.
#include "bench/cpu_time.hpp"
#include "bench/durable_server.hpp"
#include "bench/live_servers.hpp"
#include "bench/options.hpp"
#include "bench/resident.hpp"
#include "bench/rounds.hpp"
#include "bench/subscribers.hpp"
#include "support/wait.hpp"
#include <cmath>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace synclog::tests;
using namespace synclog::tests::bench;
using namespace std::chrono_literals;
using wire = subscriber_plan::wire;

constexpr std::size_t warming_subscribers = 100; // opened and closed before anything is measured
constexpr auto settled_span = 3s;                // without a change of the memory
constexpr auto settling_patience = 30s;
constexpr double settled_kb = 64;

struct idle_round {
  double kb_rss = 0, kb_pss = 0, kb_anonymous = 0; // for each connection
  double open_seconds = 0;
  double open_cpu_us = 0; // for each connection
  double idle_cores = 0;  // while nothing happens
  double kb_kept = 0;     // of what a connection took, after all have closed
  double before_mb = 0, during_mb = 0;
};

struct contender {
  const live_server* server = nullptr;
  std::vector<idle_round> rounds;

  template <class Figure>
  spread over(Figure figure) const {
    std::vector<double> values;
    for (const auto& one : rounds)
      values.push_back(figure(one));
    return spread_of(std::move(values));
  }
};

// Until the allocator and the streams' first frames have come to rest.
resident_kb settled(pid_t pid) {
  auto last = resident_of(pid);
  auto since = std::chrono::steady_clock::now();
  const auto rests = [&] {
    const auto now = resident_of(pid);
    if (std::abs(now.rss - last.rss) > settled_kb) {
      last = now;
      since = std::chrono::steady_clock::now();
    }
    return std::chrono::steady_clock::now() - since >= settled_span;
  };
  static_cast<void>(wait_until(rests, settling_patience));
  return resident_of(pid);
}

std::vector<subscriber_plan> plans_of(const live_server& server, std::size_t count) {
  std::vector<subscriber_plan> plans;
  for (std::size_t i = 0; i < count; ++i)
    plans.push_back(server.plan(i, 0));
  return plans;
}

idle_round measure_round(const live_server& server, std::size_t count, std::chrono::seconds idle) {
  const send_log nothing_sent;
  const auto pid = server.serving_pid();
  {
    subscribers warming(nothing_sent);
    warming.open(server.port(), plans_of(server, warming_subscribers));
  }
  const auto before = settled(pid);
  const double cpu_before = server.serving_cpu_seconds();
  idle_round made;
  const auto each = [count](double kb) { return kb / static_cast<double>(count); };
  {
    subscribers all(nothing_sent);
    made.open_seconds = all.open(server.port(), plans_of(server, count));
    made.open_cpu_us = each((server.serving_cpu_seconds() - cpu_before) * 1e6);
    settled(pid);
    const double cpu_idle = server.serving_cpu_seconds();
    std::this_thread::sleep_for(idle);
    made.idle_cores = (server.serving_cpu_seconds() - cpu_idle) / std::chrono::duration<double>(idle).count();
    const auto during = settled(pid);
    if (const auto why = all.failure(); !why.empty())
      throw std::runtime_error(server.name() + ": a subscriber is " + why);
    made.kb_rss = each(during.rss - before.rss);
    made.kb_pss = each(during.pss - before.pss);
    made.kb_anonymous = each(during.anonymous - before.anonymous);
    made.before_mb = before.rss / 1024;
    made.during_mb = during.rss / 1024;
  }
  made.kb_kept = each(settled(pid).rss - before.rss);
  return made;
}

void print_table(const std::vector<contender>& all, int subscribers) {
  fmt::print("{} idle subscribers; KB of the server's memory a connection\n", subscribers);
  fmt::print("{:<16} {:>8} {:>17} {:>8} {:>8} {:>10} {:>9} {:>12} {:>11} {:>13}\n", "server", "RSS KB",
             "lowest–highest", "PSS KB", "heap KB", "kept after", "open s", "µs to open", "idle cores",
             "RSS MB");
  for (const auto& one : all) {
    const auto rss = one.over([](const auto& round) { return round.kb_rss; });
    const auto median = [&](auto figure) { return one.over(figure).median; };
    fmt::print("{:<16} {:>8.2f} {:>8.2f}–{:<8.2f} {:>8.2f} {:>8.2f} {:>10.2f} {:>9.2f} {:>12.0f} {:>11.3f} "
               "{:>5.0f} → {:.0f}\n",
               one.server->name(), rss.median, rss.lowest, rss.highest,
               median([](const auto& round) { return round.kb_pss; }),
               median([](const auto& round) { return round.kb_anonymous; }),
               median([](const auto& round) { return round.kb_kept; }),
               median([](const auto& round) { return round.open_seconds; }),
               median([](const auto& round) { return round.open_cpu_us; }),
               median([](const auto& round) { return round.idle_cores; }),
               median([](const auto& round) { return round.before_mb; }),
               median([](const auto& round) { return round.during_mb; }));
  }
}

std::string key_of(const live_server& server) {
  if (server.name() == "synclog-sse") return "idle_kb_sse";
  if (server.name() == "synclog-ws") return "idle_kb_ws";
  return "idle_kb_" + server.name();
}

void write_json(const std::string& path, const std::vector<contender>& all) {
  std::ofstream out(path);
  const char* between = "{";
  for (const auto& one : all) {
    const auto figure = [&](const std::string& name, auto read) {
      out << between << "\"" << name << "\":" << json_of(one.over(read));
      between = ",\n ";
    };
    const auto key = key_of(*one.server);
    figure(key, [](const auto& round) { return round.kb_rss; });
    figure(key + "_open_s", [](const auto& round) { return round.open_seconds; });
    figure(key + "_idle_cores", [](const auto& round) { return round.idle_cores; });
  }
  out << "}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

int measure(const options& given) {
  const int subscribers = given.number("subscribers");
  fault::serving server(
      {.program = given.text("synclog"), .arguments = {"--entities", SYNCLOG_BENCH_DIR "/entities"}});
  start_with_settings(server);
  std::vector<std::unique_ptr<live_server>> servers;
  servers.push_back(make_synclog(server, wire::sse));
  servers.push_back(make_synclog(server, wire::websocket));
  for (const auto& [mode, speaks] :
       std::vector<std::pair<std::string, wire>>{{"sse", wire::sse}, {"ws", wire::websocket}}) {
    std::string missing;
    if (auto peer = start_node_peer(mode, speaks, missing))
      servers.push_back(std::move(peer));
    else
      fmt::print("skipped: node-{}: {}\n", mode, missing);
  }
  std::vector<contender> all;
  for (const auto& one : servers)
    if (given.text("only").empty() || given.text("only") == one->name()) all.push_back({one.get(), {}});
  for (int round = 0; round < given.number("rounds"); ++round) {
    for (auto& one : all) {
      // A fresh process each time: what one round leaves behind is no part of the next.
      if (one.server->name().starts_with("synclog")) {
        if (server.stop() != 0) throw std::runtime_error("the server did not stop: " + server.output_tail());
        server.start();
      }
      try {
        one.rounds.push_back(measure_round(*one.server, static_cast<std::size_t>(subscribers),
                                           std::chrono::seconds(given.number("idle-seconds"))));
      } catch (const std::runtime_error& failed) {
        throw std::runtime_error(
            fmt::format("{}; the server's last words: {}", failed.what(), server.output_tail()));
      }
    }
  }
  print_table(all, subscribers);
  if (!given.text("json").empty()) write_json(given.text("json"), all);
  servers.clear();
  return server.stop() == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const options given(argc, argv,
                      {{"synclog", SYNCLOG_BINARY},
                       {"rounds", "3"},
                       {"subscribers", "5000"},
                       {"idle-seconds", "30"},
                       {"only", ""},
                       {"json", ""}});
  try {
    return measure(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_idle_streams: {}\n", failed.what());
    return 1;
  }
}
