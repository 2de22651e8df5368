// The long schedule: rounds of all kinds of faults, at both kinds of sites in turn, until the time is over,
// and a report of what was injected and what held. Started by tools/soak. A signal ends it in order, with the
// report so far. Exit codes: 0 everything held, 1 something did not, 2 usage.
#include "core/json.hpp"
#include "fault/schedule.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

namespace {

using namespace synclog::tests::fault;
using namespace std::chrono_literals;
using wall = std::chrono::steady_clock;

constexpr std::array<const char*, 9> invariants{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"};
constexpr int writers_at_work = 64;
constexpr int followers_at_work = 24;
constexpr auto rest_of_a_writer = 80ms;
constexpr std::uint64_t seeds_a_soak = 10'000; // rounds of one soak have seeds of their own

std::atomic<bool> asked_to_stop{false};

void on_signal(int) {
  asked_to_stop = true;
}

struct soak_options {
  double minutes = 30;
  std::uint64_t seed = 1;
  std::string json_path;
  std::string histories = ".";
  int back_within_s = 10;
  int faults_a_round = 0; // 0: every kind once
};

struct round_done {
  site_kind where = site_kind::supervised;
  std::uint64_t seed = 0;
  run_report report;
  std::string history; // kept, "" = nothing was wrong
};

// Says what happens, and once a minute how far it is. Any thread.
class narrator {
 public:
  explicit narrator(double minutes) : minutes_(minutes), thread_([this] { watch(); }) {}
  ~narrator() {
    {
      const std::lock_guard guard(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  void say(const std::string& line) {
    const std::lock_guard guard(mutex_);
    latest_ = line;
    faults_ += line.starts_with("fault ") ? 1 : 0;
    print(line);
  }

 private:
  double elapsed_minutes() const { return std::chrono::duration<double>(wall::now() - began_).count() / 60; }
  void print(const std::string& line) const {
    fmt::print("{:6.1f} min  {}\n", elapsed_minutes(), line);
    std::fflush(stdout);
  }
  // The end of the time is a request to stop like any other.
  void watch() {
    std::unique_lock guard(mutex_);
    int minute = 0;
    while (!wake_.wait_for(guard, 200ms, [this] { return ended_; })) {
      if (elapsed_minutes() >= minutes_) asked_to_stop = true;
      if (elapsed_minutes() < minute + 1) continue;
      minute = static_cast<int>(elapsed_minutes());
      print(fmt::format("— of {:g} min: {} faults so far, now {}", minutes_, faults_, latest_));
    }
  }

  const double minutes_;
  const wall::time_point began_ = wall::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::string latest_;
  std::size_t faults_ = 0;
  std::thread thread_;
};

round_done run_round(const soak_options& options, std::uint64_t number, narrator& out) {
  round_done done;
  done.where = number % 2 == 0 ? site_kind::supervised : site_kind::networked;
  done.seed = options.seed * seeds_a_soak + number;
  done.history = fmt::format("{}/soak-{}.ndjson", options.histories, done.seed);
  std::size_t possible = 0;
  for (std::size_t kind = 0; kind < fault_kinds; ++kind)
    possible += why_not(static_cast<fault_kind>(kind), done.where).empty() ? 1 : 0;
  run_options how;
  how.program = SYNCLOG_BINARY;
  how.seed = done.seed;
  how.where = done.where;
  how.faults = all_faults_of(done.seed,
                             options.faults_a_round > 0 ? options.faults_a_round : static_cast<int>(possible),
                             done.where);
  how.scale = fault_scale::full;
  how.writers = writers_at_work;
  how.rest_between = rest_of_a_writer;
  how.followers = followers_at_work;
  how.back_within = std::chrono::seconds(options.back_within_s);
  how.open_snapshot = number % 3 == 2;
  how.history_path = done.history;
  how.stop = &asked_to_stop;
  how.tell = [&out](const std::string& line) { out.say(line); };
  out.say(fmt::format("round {}: {} site, seed {}, {} faults", number + 1, to_string(done.where), done.seed,
                      how.faults.size()));
  std::filesystem::remove(done.history);
  try {
    done.report = run_schedule(how);
  } catch (const std::exception& failed) {
    done.report.problems.push_back(fmt::format("I8: the round could not be carried out: {}", failed.what()));
  }
  out.say(fmt::format("round {}: {}", number + 1, done.report.summary()));
  out.say("streams: " + done.report.streams);
  for (const std::string& sentence : done.report.problems)
    out.say("NOT HELD " + sentence);
  if (done.report.problems.empty()) {
    std::filesystem::remove(done.history);
    done.history.clear();
  }
  return done;
}

struct kind_times {
  std::vector<std::int64_t> back_ms{};
  std::int64_t median() {
    std::sort(back_ms.begin(), back_ms.end());
    return back_ms[back_ms.size() / 2];
  }
  std::int64_t worst() const { return *std::max_element(back_ms.begin(), back_ms.end()); }
};

struct whole_report {
  tally counts;
  std::size_t events = 0, cut = 0, problems = 0;
  std::map<std::string, kind_times> by_kind;
  kind_times all;
  std::map<std::string, bool> held;
  std::map<std::string, std::string> skipped;
};

whole_report sum_up(const std::vector<round_done>& rounds) {
  whole_report sum;
  for (const char* one : invariants)
    sum.held[one] = true;
  for (const round_done& done : rounds) {
    sum.counts += done.report.counts;
    sum.events += done.report.events;
    sum.cut += done.report.cut_acknowledged;
    sum.problems += done.report.problems.size();
    for (const fault_done& one : done.report.faults) {
      sum.by_kind[std::string(to_string(one.kind))].back_ms.push_back(one.back_ms);
      sum.all.back_ms.push_back(one.back_ms);
    }
    for (const char* one : invariants)
      sum.held[one] = sum.held[one] && !done.report.violates(one);
  }
  for (std::size_t number = 0; number < fault_kinds; ++number) {
    const auto kind = static_cast<fault_kind>(number);
    const auto here = why_not(kind, site_kind::supervised), there = why_not(kind, site_kind::networked);
    if (!here.empty() && !there.empty()) sum.skipped[std::string(to_string(kind))] = here;
  }
  return sum;
}

void print_report(const soak_options& options, const std::vector<round_done>& rounds, whole_report& sum) {
  fmt::print("\nseed {}, {} rounds\n\n", options.seed, rounds.size());
  fmt::print("{:<26} {:>8} {:>14} {:>14}\n", "fault", "injected", "back, median", "back, worst");
  for (auto& [name, times] : sum.by_kind)
    fmt::print("{:<26} {:>8} {:>11} ms {:>11} ms\n", name, times.back_ms.size(), times.median(),
               times.worst());
  if (!sum.all.back_ms.empty()) {
    fmt::print("{:<26} {:>8} {:>11} ms {:>11} ms\n", "all", sum.all.back_ms.size(), sum.all.median(),
               sum.all.worst());
  }
  for (const auto& [name, reason] : sum.skipped)
    fmt::print("{:<26}  skipped: {}\n", name, reason);
  const tally& counts = sum.counts;
  fmt::print("\nwrites acknowledged {}, lost {}, doubled {}\n", counts.acknowledged, counts.lost,
             counts.doubled);
  fmt::print(
      "refused {}, not saved {}, without an answer {} attempts: {} settled by a retry, of those given up "
      "{} are in the log and {} are not\n",
      counts.refused, counts.nothing_saved, counts.unanswered_attempts, counts.settled_by_retry,
      counts.unknown_there, counts.unknown_absent);
  fmt::print("answered as the first time {}, taken away by old backups {}\n", counts.replayed, sum.cut);
  for (const auto& [name, held] : sum.held)
    fmt::print("{} {}  ", name, held ? "held" : "NOT HELD");
  fmt::print("\n");
  for (const round_done& done : rounds) {
    for (const std::string& sentence : done.report.problems)
      fmt::print("seed {} ({}): {}\n", done.seed, to_string(done.where), sentence);
    if (!done.history.empty()) fmt::print("  what every client was told: {}\n", done.history);
  }
  fmt::print("{}\n", sum.problems == 0 ? "everything held" : fmt::format("{} PROBLEMS", sum.problems));
}

std::string json_of(const soak_options& options, const std::vector<round_done>& rounds, whole_report& sum) {
  std::string out = fmt::format(R"({{"seed":{},"rounds":{},"faults":{{)", options.seed, rounds.size());
  const char* comma = "";
  for (auto& [name, times] : sum.by_kind) {
    out += fmt::format(R"({}"{}":{{"injected":{},"back_ms_median":{},"back_ms_worst":{}}})", comma, name,
                       times.back_ms.size(), times.median(), times.worst());
    comma = ",";
  }
  const tally& counts = sum.counts;
  out += fmt::format(
      R"(}},"acknowledged":{},"lost":{},"doubled":{},"refused":{},"not_saved":{},"unanswered_attempts":{},)"
      R"("settled_by_retry":{},"unknown_there":{},"unknown_absent":{},"replayed":{},"cut_by_backups":{},)"
      R"("events":{},"invariants":{{)",
      counts.acknowledged, counts.lost, counts.doubled, counts.refused, counts.nothing_saved,
      counts.unanswered_attempts, counts.settled_by_retry, counts.unknown_there, counts.unknown_absent,
      counts.replayed, sum.cut, sum.events);
  comma = "";
  for (const auto& [name, held] : sum.held) {
    out += fmt::format(R"({}"{}":{})", comma, name, held);
    comma = ",";
  }
  out += R"(},"problems":[)";
  comma = "";
  for (const round_done& done : rounds) {
    for (const std::string& sentence : done.report.problems) {
      out += comma;
      synclog::core::json::append_string(out, fmt::format("seed {}: {}", done.seed, sentence));
      comma = ",";
    }
  }
  return out + "]}\n";
}

int soak(const soak_options& options) {
  std::filesystem::create_directories(options.histories);
  std::vector<round_done> rounds;
  {
    narrator out(options.minutes);
    for (std::uint64_t number = 0; number < seeds_a_soak && !asked_to_stop; ++number)
      rounds.push_back(run_round(options, number, out));
  }
  auto sum = sum_up(rounds);
  print_report(options, rounds, sum);
  if (!options.json_path.empty()) {
    std::ofstream file(options.json_path);
    file << json_of(options, rounds, sum);
    if (!file.flush()) fmt::print(stderr, "soak: cannot write {}\n", options.json_path);
  }
  return sum.problems == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  soak_options options;
  CLI::App app("Faults of all kinds under load, and whether I1 to I9 hold");
  app.add_option("--minutes", options.minutes)->check(CLI::Range(0.1, 10'000.0))->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--json", options.json_path, "file for the report");
  app.add_option("--histories", options.histories, "folder for the histories of rounds that failed");
  app.add_option("--back-within", options.back_within_s, "seconds; more on a busy machine")
      ->capture_default_str();
  app.add_option("--faults", options.faults_a_round, "of a round; 0: every kind once")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 2;
  }
  return soak(options);
}
