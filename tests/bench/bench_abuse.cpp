// What attackers on connections cost everybody else: the p99 of legitimate requests with and without each
// attack, in turns on one server, and the server's resident memory. The attacks are the four of slowhttptest
// (Debian's package; they are skipped by name when it is not there) and a flood of silent connections.
#include "bench/flood.hpp"
#include "bench/options.hpp"
#include "bench/rounds.hpp"
#include "fault/serving.hpp"
#include "streams/server_metrics.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/wait.hpp"
#include "tools/load/load_run.hpp"
#include <atomic>
#include <csignal>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <random>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
namespace load = tools::load;

constexpr const char* slowhttptest = "/usr/bin/slowhttptest";
constexpr double must = 3; // p99 with the attack ÷ without

// Ends with the object.
class attacker {
 public:
  attacker() = default;
  explicit attacker(const std::vector<std::string>& words)
      : pid_(spawn({.arguments = words, .as = {}, .folder = "", .log_path = ""})) {}
  explicit attacker(const bench::flood_options& options) : flood_(std::make_unique<bench::flood>(options)) {}
  ~attacker() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait_for_exit(pid_, 10s);
  }
  attacker(const attacker&) = delete;
  attacker& operator=(const attacker&) = delete;

  const bench::flood* flooding() const { return flood_.get(); }

 private:
  pid_t pid_ = 0;
  std::unique_ptr<bench::flood> flood_;
};
using attack = std::function<std::unique_ptr<attacker>()>;

struct round_figures {
  double kept_p99_ms = 0;  // of keep-alive connections
  double fresh_p99_ms = 0; // a connection each
  std::uint64_t refused = 0, lost = 0;
  std::int64_t most_kb = 0;
  double opened_a_second = 0; // by a flood
};

// Requests that each open a connection of their own, one after the other at a steady pace, until it goes.
class newcomers {
 public:
  newcomers(std::uint16_t port, int a_second) : thread_([this, port, a_second] { run(port, a_second); }) {}
  ~newcomers() { end(); }
  void end() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  load::histogram took;
  std::uint64_t refused = 0, lost = 0;

 private:
  void run(std::uint16_t port, int a_second) {
    auto due = std::chrono::steady_clock::now();
    for (; !ending_; due += std::chrono::microseconds(1'000'000 / a_second)) {
      std::this_thread::sleep_until(due); // the pace, and late ones count from when they were due
      try {
        const auto reply =
            http_client(port, {.patience = 10s}).request("GET", "/api/clients?branch=north&limit=20");
        if (reply.status != 200) ++refused;
        const auto now = std::chrono::steady_clock::now();
        if (reply.status == 200)
          took.add(std::chrono::duration_cast<std::chrono::nanoseconds>(now - due).count());
      } catch (const std::runtime_error&) {
        ++lost;
      }
    }
  }
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

load::load_plan make_plan(std::uint16_t port, const bench::options& given) {
  const load::target_url url{"127.0.0.1", port, ""};
  load::load_plan plan;
  plan.address = load::resolve(url).value();
  plan.branches = {"north"};
  plan.connections = static_cast<std::size_t>(given.number("connections"));
  plan.rate = given.number("rate");
  plan.seed = std::random_device{}();
  load::operation_texts write{.name = "write",
                              .path = "/api/clients",
                              .form = load::body_form::object,
                              .record = std::string(load::client_record()),
                              .records = 1,
                              .headers = {},
                              .weight = 1};
  load::operation_texts read = write;
  read.name = "read";
  read.path = "/api/clients?branch=north&limit=20";
  read.form = load::body_form::none;
  read.record.clear();
  for (const auto& texts : {write, read})
    plan.operations.push_back(load::operation::make(texts, url, plan.branches.front().size()).value());
  return plan;
}

round_figures measure_round(const fault::serving& server, const bench::options& given, const attack& begin) {
  const auto before = metric(server.port(), "synclog_http_connections");
  const auto attacking = begin ? begin() : nullptr;
  const auto* flooding = attacking ? attacking->flooding() : nullptr;
  if (attacking) {
    // At full strength, or as strong as it gets.
    const auto wanted = before + given.number("attackers") * 0.9;
    (void)wait_until(
        [&] {
          return flooding ? flooding->opened() >= static_cast<std::uint64_t>(given.number("flood"))
                          : metric(server.port(), "synclog_http_connections") >= wanted;
        },
        8s);
  }
  round_figures made;
  std::atomic<bool> over{false};
  std::thread watching([&] {
    while (!over) {
      made.most_kb = std::max(made.most_kb, resident_kb(server.server_pid()));
      std::this_thread::sleep_for(50ms); // how often is looked
    }
  });
  newcomers fresh(server.port(), given.number("newcomers"));
  const auto opened_before = flooding ? flooding->opened() : 0;
  const auto began = std::chrono::steady_clock::now();
  const auto figures =
      load::run_load(make_plan(server.port(), given),
                     {.warmup = 1s, .duration = std::chrono::seconds(given.number("seconds"))}, {});
  fresh.end();
  if (flooding)
    made.opened_a_second = static_cast<double>(flooding->opened() - opened_before) /
                           std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  over = true;
  watching.join();
  const auto total = figures.total();
  made.kept_p99_ms = static_cast<double>(total.latency().percentile_ns(0.99)) / 1e6;
  made.fresh_p99_ms = static_cast<double>(fresh.took.percentile_ns(0.99)) / 1e6;
  for (std::size_t kind = 0; kind < load::failure_kinds; ++kind)
    made.lost += total.failures(static_cast<load::failure>(kind));
  made.refused = total.errors() - made.lost + fresh.refused;
  made.lost += fresh.lost + figures.counted.unfinished + figures.counted.unsent;
  return made;
}

// Waits until the attackers' connections are gone, so that the quiet round is quiet.
void settle(const fault::serving& server) {
  (void)wait_until([&] { return metric(server.port(), "synclog_http_connections") < 100; }, 60s);
}

bool measure(const fault::serving& server, const bench::options& given, const char* name,
             const attack& begin) {
  std::vector<double> kept, fresh;
  std::vector<double> quiet_p99, attacked_p99;
  std::uint64_t refused = 0, lost = 0, quiet_lost = 0;
  std::int64_t quiet_kb = 0, most_kb = 0;
  std::vector<double> opened;
  for (int round = 0; round < given.number("rounds"); ++round) {
    const auto quiet = measure_round(server, given, {});
    const auto attacked = measure_round(server, given, begin);
    settle(server);
    kept.push_back(attacked.kept_p99_ms / quiet.kept_p99_ms);
    fresh.push_back(attacked.fresh_p99_ms / quiet.fresh_p99_ms);
    quiet_p99.push_back(quiet.kept_p99_ms);
    attacked_p99.push_back(attacked.kept_p99_ms);
    refused += attacked.refused;
    lost += attacked.lost;
    quiet_lost += quiet.lost + quiet.refused;
    opened.push_back(attacked.opened_a_second);
    quiet_kb = std::max(quiet_kb, quiet.most_kb);
    most_kb = std::max(most_kb, attacked.most_kb);
  }
  const auto kept_spread = bench::spread_of(kept), fresh_spread = bench::spread_of(fresh);
  const auto opened_a_second = bench::spread_of(opened).median;
  const bool holds = kept_spread.median <= must && fresh_spread.median <= must && refused + lost == 0;
  fmt::print(
      "{:<12} p99 {:6.2f} -> {:6.2f} ms, x{:.2f} ({:.2f}-{:.2f}); new connections x{:.2f} ({:.2f}-{:.2f}); "
      "refused {}, lost {} (quiet {}); resident {:.0f} -> {:.0f} MB{}  {}\n",
      name, bench::spread_of(quiet_p99).median, bench::spread_of(attacked_p99).median, kept_spread.median,
      kept_spread.lowest, kept_spread.highest, fresh_spread.median, fresh_spread.lowest, fresh_spread.highest,
      refused, lost, quiet_lost, static_cast<double>(quiet_kb) / 1024, static_cast<double>(most_kb) / 1024,
      opened_a_second > 0 ? fmt::format("; {:.0f} connections opened a second", opened_a_second) : "",
      holds ? "holds" : "DOES NOT HOLD");
  std::fflush(stdout);
  return holds;
}

attack slow(const fault::serving& server, const bench::options& given, std::vector<std::string> mode,
            const std::string& path) {
  const auto url = fmt::format("http://127.0.0.1:{}{}", server.port(), path);
  const auto count = given.text("attackers");
  return [=] {
    std::vector<std::string> words{slowhttptest, "-c", count, "-r", "2000", "-l",
                                   "600",        "-p", "1",   "-u", url};
    words.insert(words.end(), mode.begin(), mode.end());
    return std::make_unique<attacker>(words);
  };
}

void fill(const fault::serving& server) {
  constexpr int records = 20'000;
  std::string body = "[";
  for (int one = 0; one < records; ++one)
    body += fmt::format(R"({}{{"full_name":"Client {}","branch":"north","address":"Long Street {}"}})",
                        one == 0 ? "" : ",", one, one);
  const auto saved = http_client(server.port(), {.patience = 60s})
                         .request("POST", "/api/clients", {{"Content-Type", "application/json"}}, body + "]");
  if (saved.status != 200)
    throw std::runtime_error("the records were not saved: " + saved.body.substr(0, 200));
}

int run(const bench::options& given) {
  rlimit bounds{};
  getrlimit(RLIMIT_NOFILE, &bounds);
  bounds.rlim_cur = bounds.rlim_max;
  setrlimit(RLIMIT_NOFILE, &bounds);
  fault::serving server({.program = given.text("synclog"), .arguments = {}});
  server.start();
  fill(server);
  fmt::print("{}; {} requests/s over {} connections and {}/s that open one each, beside {} slow connections "
             "or a flood of "
             "{}; {} rounds of {} s; must be at most x{}\n",
             server.first_line(), given.number("rate"), given.number("connections"),
             given.number("newcomers"), given.number("attackers"), given.number("flood"),
             given.number("rounds"), given.number("seconds"), must);
  std::fflush(stdout);
  measure_round(server, given, {}); // warm
  struct named {
    const char* name;
    attack begin;
  };
  std::vector<named> attacks;
  if (::access(slowhttptest, X_OK) == 0) {
    attacks.push_back({"slow-headers", slow(server, given, {"-H", "-i", "5", "-x", "24"}, "/api/clients")});
    attacks.push_back(
        {"slow-body",
         slow(server, given, {"-B", "-i", "5", "-s", "65536", "-x", "10", "-f", "application/json"},
              "/api/clients")});
    attacks.push_back(
        {"range", slow(server, given, {"-R", "-a", "5", "-b", "3000", "-t", "GET"}, "/client.js")});
    attacks.push_back(
        {"slow-read", slow(server, given, {"-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"},
                           "/openapi.json")});
    attacks.push_back(
        {"slow-list", slow(server, given, {"-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"},
                           "/api/clients")});
  } else {
    fmt::print("skipped: the four of slowhttptest, which is not here (tools/install-deps --bench)\n");
  }
  const auto floods = [&given](std::uint16_t port, std::size_t sources) -> attack {
    return [&given, port, sources] {
      return std::make_unique<attacker>(
          bench::flood_options{.port = port,
                               .connections = static_cast<std::size_t>(given.number("flood")),
                               .sources = sources,
                               .opened_a_second = static_cast<std::size_t>(given.number("opened"))});
    };
  };
  // What a flood costs whoever runs on the same cores, before this server does anything about it. Not all
  // find a place there, so that they go on coming.
  const bench::flood_sink elsewhere(static_cast<std::size_t>(given.number("flood")) * 9 / 10);
  attacks.push_back({"flood", floods(server.port(), 20)});
  attacks.push_back({"flood-local", floods(server.port(), 0)});
  attacks.push_back({"flood-beside", floods(elsewhere.port(), 20)});
  bool holds = true;
  for (const auto& [name, begin] : attacks) {
    const auto& only = given.text("only");
    if (only != "all" && only != name) continue;
    holds = measure(server, given, name, begin) && holds;
  }
  if (server.stop() != 0) throw std::runtime_error("the server did not stop in order");
  return holds ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv,
                             {{"synclog", SYNCLOG_BINARY},
                              {"attackers", "4000"},
                              {"flood", "10000"},
                              {"opened", "5000"}, // by the flood, a second
                              {"rate", "200"},
                              {"connections", "16"},
                              {"newcomers", "100"}, // a second: enough for a p99
                              {"seconds", "10"},
                              {"rounds", "3"},
                              {"only", "all"}});
  try {
    return run(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_abuse: {}\n", failed.what());
    return 1;
  }
}
