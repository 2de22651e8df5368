// Searches over a million clients and as many distributors: terms of every kind, alone, beside a filter and
// while others write. --memory 0 measures the same without texts in memory; --tax measures instead what
// holding them costs those who write, by two servers that take turns.
#include "bench/client_rows.hpp"
#include "bench/durable_server.hpp"
#include "bench/options.hpp"
#include "bench/post_load.hpp"
#include "bench/rounds.hpp"
#include "fault/list_memory.hpp"
#include "fault/serving.hpp"
#include "streams/server_metrics.hpp"
#include "support/http_client.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace synclog::tests;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point began) {
  return std::chrono::duration<double>(clock_type::now() - began).count();
}

struct asked_term {
  const char* kind;
  const char* path; // its search value may hold one {} for a random number
};

// In the data, numbers run from 0 to 999,999, names repeat. The oldest records are the last of a list of
// clients.
constexpr asked_term terms[] = {
    {"one record", "clients?limit=50&search=ref-0{:06}"},
    {"part of a number", "clients?limit=50&search=5{:06}"},
    {"first characters, the oldest 10,000", "clients?limit=50&search=ref-000"},
    {"first characters, the oldest 100,000", "clients?limit=50&search=ref-00"},
    {"a name, 5 %", "clients?limit=50&search=Garc%C3%ADa"},
    {"two names, 0.25 %", "clients?limit=50&search=z%C3%B6e%20haddad"},
    {"one character, all", "clients?limit=50&search=e"},
    {"two characters, none", "clients?limit=50&search=qz"},
    {"a word, none", "clients?limit=50&search=xylophone"},
    {"a name in a branch", "clients?limit=50&branch=b7&search=haddad"},
    {"a name where no branch is", "clients?limit=50&branch=nowhere&search=haddad"},
    {"another sort, few", "clients?limit=50&sort=full_name&search=ref-00{:04}"},
    {"distributors, one code", "distributors?limit=50&search=c0{:06}"},
    {"distributors, part of a name", "distributors?limit=50&search=name%20007"},
    {"distributors, none", "distributors?limit=50&search=zebra"},
};

struct latencies {
  std::vector<double> ms;
  double at(double share) {
    std::sort(ms.begin(), ms.end());
    return ms.empty() ? 0
                      : ms[std::min(ms.size() - 1,
                                    static_cast<std::size_t>(share * static_cast<double>(ms.size())))];
  }
};

class search_bench {
 public:
  explicit search_bench(const bench::options& given)
      : given_(given),
        with_({.program = given.text("synclog"), .arguments = {"--search-memory=" + given.text("memory")}}) {}

  int run() {
    bench::start_with_settings(with_);
    load();
    restart();
    const auto rounds = given_.number("rounds");
    for (int round = 0; round < rounds; ++round)
      for (std::size_t i = 0; i < std::size(terms); ++i)
        measure(i, given_.number("asks"));
    print("quiet");
    if (given_.number("seconds") > 0) beside_writes();
    return with_.stop() == 0 ? 0 : 1;
  }

 private:
  void load() {
    const auto rows = static_cast<std::uint64_t>(given_.number("rows"));
    const auto began = clock_type::now();
    bench::load_clients(with_.port(), rows, 0);
    fmt::print("loaded {} clients in {:.0f} s\n", rows, seconds_since(began));
    fault::list_memory_options distributors;
    distributors.rows = rows;
    fault::measure_list_memory(with_, distributors);
  }

  double now(const char* name) const { return metric(with_.port(), name); }

  // The texts are loaded from the tables again: how long that takes, and what they weigh.
  void restart() {
    if (with_.stop() != 0) throw std::runtime_error("the server did not stop");
    with_.start();
    const auto began = clock_type::now();
    const auto before = resident_kb(with_.server_pid());
    if (!wait_until([this] { return now("synclog_search_entities_loading") == 0; }, std::chrono::minutes(5)))
      throw std::runtime_error("the search texts are not loaded");
    fmt::print(
        "texts of {:.0f} records loaded {:.1f} s after the start: {:.0f} MB, resident {} MB, before {} MB\n",
        now("synclog_search_records"), seconds_since(began), now("synclog_search_bytes") / 1e6,
        resident_kb(with_.server_pid()) / 1024, before / 1024);
  }

  void measure(std::size_t which, int asks) {
    measured_.resize(std::size(terms));
    http_client client(with_.port(), {.patience = std::chrono::minutes(1)});
    for (int i = 0; i < asks; ++i) {
      const std::string path = fmt::format(fmt::runtime(terms[which].path), random_() % 10'000);
      const auto began = clock_type::now();
      const auto reply = client.request("GET", "/api/" + path);
      measured_[which].ms.push_back(seconds_since(began) * 1e3);
      if (reply.status != 200)
        throw std::runtime_error(path + " was answered " + std::to_string(reply.status));
    }
  }

  void print(const char* when) {
    fmt::print("{}\n{:40} {:>8} {:>8} {:>8}\n", when, "term", "p50 ms", "p99 ms", "max ms");
    for (std::size_t i = 0; i < std::size(terms); ++i)
      fmt::print("{:40} {:8.1f} {:8.1f} {:8.1f}\n", terms[i].kind, measured_[i].at(0.5),
                 measured_[i].at(0.99), measured_[i].at(1));
    latencies all;
    for (auto& one : measured_)
      all.ms.insert(all.ms.end(), one.ms.begin(), one.ms.end());
    fmt::print("{:40} {:8.1f} {:8.1f} {:8.1f}\n", "all", all.at(0.5), all.at(0.99), all.at(1));
    std::fflush(stdout);
  }

  void beside_writes() {
    measured_.clear();
    bench::post_load_options load;
    load.port = with_.port();
    load.connections = 16;
    load.seconds = given_.number("seconds");
    bench::post_load_result written;
    std::atomic<bool> done{false};
    std::thread writer([&] {
      written = bench::run_post_load(load);
      done = true;
    });
    double lag = 0;
    while (!done)
      for (std::size_t i = 0; i < std::size(terms) && !done; ++i) {
        measure(i, 5);
        lag = std::max(lag, now("synclog_search_lag_positions"));
      }
    writer.join();
    measured_.resize(std::size(terms));
    print("while 16 connections write");
    fmt::print("{:.0f} POST/s meanwhile; the texts were {:.0f} events behind at most\n", written.rate(), lag);
  }

  const bench::options& given_;
  fault::serving with_;
  std::vector<latencies> measured_;
  std::mt19937_64 random_{1};
};

// Acknowledged POSTs with the texts held, over the same without, in turns.
int measure_tax(const bench::options& given) {
  fault::serving with({.program = given.text("synclog"), .arguments = {}});
  fault::serving without({.program = given.text("synclog"), .arguments = {"--search-memory=0"}});
  bench::start_with_settings(with);
  bench::start_with_settings(without);
  std::vector<double> rates, latencies_p99;
  bench::post_load_options load;
  load.seconds = 3;
  for (int round = 0; round <= given.number("rounds"); ++round) {
    std::vector<bench::post_load_result> pair;
    for (fault::serving* server :
         round % 2 == 0 ? std::array{&with, &without} : std::array{&without, &with}) {
      load.port = server->port();
      pair.push_back(bench::run_post_load(load));
    }
    if (round % 2 != 0) std::swap(pair[0], pair[1]);
    if (round == 0) continue; // warms up
    rates.push_back(pair[0].rate() / pair[1].rate());
    latencies_p99.push_back(pair[0].percentile_ms(0.99) / pair[1].percentile_ms(0.99));
    fmt::print("round {}: {:.0f} POST/s with the texts, {:.0f} without; p99 {:.1f} and {:.1f} ms\n", round,
               pair[0].rate(), pair[1].rate(), pair[0].percentile_ms(0.99), pair[1].percentile_ms(0.99));
  }
  const auto rate = bench::spread_of(rates), p99 = bench::spread_of(latencies_p99);
  fmt::print("rate with / without: median {:.3f} ({:.3f}-{:.3f}); p99: {:.3f} ({:.3f}-{:.3f})\n", rate.median,
             rate.lowest, rate.highest, p99.median, p99.lowest, p99.highest);
  return with.stop() == 0 && without.stop() == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv,
                             {{"synclog", SYNCLOG_BINARY},
                              {"rows", "1000000"},
                              {"rounds", "3"},
                              {"asks", "100"},
                              {"seconds", "20"},
                              {"memory", "1073741824"},
                              {"tax", "no"}});
  try {
    return given.flag("tax") ? measure_tax(given) : search_bench(given).run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_search: {}\n", failed.what());
    return 1;
  }
}
