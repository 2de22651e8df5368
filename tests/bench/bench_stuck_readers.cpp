// What readers that never read cost those who do: delivery delays of many subscribers with and without stuck
// ones among them, in interleaved rounds on one server, and the server's resident memory.
#include "bench/options.hpp"
#include "bench/rounds.hpp"
#include "fault/serving.hpp"
#include "streams/delays.hpp"
#include "streams/load.hpp"
#include "streams/server_metrics.hpp"
#include "streams/stuck_readers.hpp"
#include "streams/swarm.hpp"
#include "tests/support/process.hpp"
#include "tests/support/wait.hpp"
#include <fmt/format.h>
#include <sys/resource.h>

namespace {

using namespace synclog::tests;
using namespace synclog::tests::streams;
using namespace std::chrono_literals;

constexpr std::size_t history_events = 2'500, history_bytes = 4'000; // more than a socket's buffers hold

struct round_figures {
  double p50_ms = 0, p99_ms = 0;
  std::int64_t most_kb = 0;
  std::uint64_t deliveries = 0;
};

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

// Both ends of a thousand connections are here.
void raise_descriptor_limit() {
  rlimit bounds{};
  getrlimit(RLIMIT_NOFILE, &bounds);
  bounds.rlim_cur = bounds.rlim_max;
  setrlimit(RLIMIT_NOFILE, &bounds);
}

load_options load_of(const fault::serving& server, std::string prefix) {
  load_options made;
  made.prefix = std::move(prefix);
  made.port = [&server](std::size_t) { return server.port(); };
  return made;
}

std::vector<subscriber_options> make_members(std::size_t count) {
  std::vector<subscriber_options> members(count);
  for (std::size_t number = 0; number < count; ++number) {
    members[number].by = number % 2 == 0 ? transport::sse : transport::websocket;
    members[number].interests.resize(1);
    members[number].depth = envelope_depth::places;
  }
  return members;
}

round_figures measure_round(const fault::serving& server, const bench::options& given, std::size_t stuck,
                            int round) {
  const auto count = static_cast<std::size_t>(given.number("subscribers"));
  delays took;
  swarm_settings settings{.port = [&server](std::size_t) { return server.port(); },
                          .on_event = [&took](std::string_view at) { took.note(at); }};
  swarm subscribers(make_members(count), 1, settings);
  require(wait_until([&] { return subscribers.all_begun(); }, 60s), "not all subscribers have begun");
  stuck_readers still;
  still.add(server.port(), stuck, "0");
  const auto open = [&server] { return metric(server.port(), "synclog_http_streams"); };
  require(wait_until([&] { return open() == static_cast<double>(count + stuck); }),
          "not all streams are open");
  auto options = load_of(server, fmt::format("r{}s{}w", round, stuck));
  options.events_a_second = given.number("rate");
  options.events = static_cast<std::size_t>(given.number("rate") * given.number("seconds"));
  options.usual_bytes = static_cast<std::size_t>(given.number("bytes"));
  load writers(options);
  round_figures made;
  require(wait_until(
              [&] {
                made.most_kb = std::max(made.most_kb, resident_kb(server.server_pid()));
                return writers.ended();
              },
              600s),
          "the writers do not end");
  writers.join();
  for (const auto& sentence : writers.problems())
    throw std::runtime_error(sentence);
  require(wait_until([&] { return subscribers.all_at(writers.head()); }),
          "a subscriber has not seen everything");
  require(!subscribers.any_broken(), "a subscriber saw what must not be");
  subscribers.stop();
  made.p50_ms = took.milliseconds(0.5);
  made.p99_ms = took.milliseconds(0.99);
  made.deliveries = took.count();
  return made;
}

void print_row(const char* name, const std::vector<round_figures>& rounds) {
  std::vector<double> halves, tails;
  std::int64_t most_kb = 0;
  for (const auto& one : rounds) {
    halves.push_back(one.p50_ms);
    tails.push_back(one.p99_ms);
    most_kb = std::max(most_kb, one.most_kb);
  }
  const auto half = bench::spread_of(halves), tail = bench::spread_of(tails);
  fmt::print(
      "{:<16} p50 {:6.1f} ms ({:.1f}-{:.1f})   p99 {:6.1f} ms ({:.1f}-{:.1f})   resident {:.1f} MB at most\n",
      name, half.median, half.lowest, half.highest, tail.median, tail.lowest, tail.highest,
      static_cast<double>(most_kb) / 1024);
}

int measure(const bench::options& given) {
  raise_descriptor_limit();
  fault::serving server({.program = given.text("synclog"), .arguments = {}});
  server.start();
  {
    auto options = load_of(server, "history");
    options.events = history_events;
    options.events_a_second = 1e6;
    options.usual_bytes = history_bytes;
    load before(options);
    before.join();
  }
  const auto stuck = static_cast<std::size_t>(given.number("stuck"));
  fmt::print(
      "{}; {} subscribers, {} stuck, {} events/s of about {} bytes, rounds of {} s; resident {:.1f} MB\n",
      server.first_line(), given.number("subscribers"), stuck, given.number("rate"), given.number("bytes"),
      given.number("seconds"), static_cast<double>(resident_kb(server.server_pid())) / 1024);
  std::vector<round_figures> without, with;
  measure_round(server, given, 0, -1); // warm
  for (int round = 0; round < given.number("rounds"); ++round) {
    without.push_back(measure_round(server, given, 0, round));
    with.push_back(measure_round(server, given, stuck, round));
  }
  print_row("without", without);
  print_row("with stuck ones", with);
  std::vector<double> ratios;
  for (std::size_t round = 0; round < with.size(); ++round)
    ratios.push_back(with[round].p99_ms / without[round].p99_ms);
  const auto ratio = bench::spread_of(ratios);
  fmt::print("p99 with / without: {:.2f} ({:.2f}-{:.2f})\n", ratio.median, ratio.lowest, ratio.highest);
  return server.stop() == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv,
                             {{"synclog", SYNCLOG_BINARY},
                              {"subscribers", "1000"},
                              {"stuck", "20"},
                              {"rate", "50"},
                              {"bytes", "200"},
                              {"seconds", "10"},
                              {"rounds", "3"}});
  try {
    return measure(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_stuck_readers: {}\n", failed.what());
    return 1;
  }
}
