// What a rebuild costs those who are served meanwhile: `synclog bench mixed` at a fixed rate, in turns beside
// nothing and beside the whole of a `synclog replay rebuild clients`, over a million clients by default.
// Prints the ratio of the 99th percentiles, of all requests and of the writes alone, and what server and
// rebuild took of memory. Exits 1 when the median ratio of all is over --limit, or when a request failed.
#include "bench/client_rows.hpp"
#include "bench/durable_server.hpp"
#include "bench/options.hpp"
#include "bench/rounds.hpp"
#include "bench/run_sql.hpp"
#include "core/json.hpp"
#include "fault/serving.hpp"
#include "support/process.hpp"
#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace {

using namespace synclog::tests;
namespace json = synclog::core::json;
using clock_type = std::chrono::steady_clock;

constexpr std::chrono::milliseconds sample_interval{20};
constexpr std::chrono::minutes longest_command{60};
constexpr std::chrono::seconds settle_time{3}, warm_up{2}, longest_load{3'600};

// A subcommand as a child process, with what it prints in a file.
class command {
 public:
  command(const bench::options& given, std::vector<std::string> arguments, std::string output)
      : output_(std::move(output)) {
    std::ofstream(output_, std::ios::trunc).close();
    arguments.insert(arguments.begin(), given.text("synclog"));
    pid_ = spawn({.arguments = std::move(arguments), .as = {}, .folder = {}, .log_path = output_});
  }
  ~command() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      wait_for_exit(pid_, longest_command);
    }
  }
  command(const command&) = delete;
  command& operator=(const command&) = delete;

  pid_t pid() const { return pid_; }
  // True when it has ended well; throws when it ended otherwise.
  bool has_ended(std::chrono::milliseconds patience) {
    const auto status = wait_for_exit(pid_, patience);
    if (!status) return false;
    pid_ = 0;
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
      throw std::runtime_error("a command failed: " + output());
    return true;
  }
  std::string output() const {
    std::ostringstream text;
    text << std::ifstream(output_).rdbuf();
    return text.str();
  }

 private:
  std::string output_;
  pid_t pid_ = 0;
};

const json::value& member(const json::value& object, const std::vector<std::string>& path) {
  const json::value* at = &object;
  for (const std::string& name : path) {
    at = at->find(name);
    if (at == nullptr) throw std::runtime_error("a report has no member " + name);
  }
  return *at;
}

double number(const json::value& object, const std::vector<std::string>& path) {
  return std::stod(std::string(member(object, path).text));
}

struct load_figures {
  double p50 = 0, p99 = 0, write_p99 = 0, read_p99 = 0, list_p99 = 0, rate = 0, errors = 0;
};

class rebuild_bench {
 public:
  explicit rebuild_bench(const bench::options& given)
      : given_(given), server_({.program = given.text("synclog"), .arguments = {}}) {}

  int run() {
    bench::start_with_settings(server_);
    const auto began = clock_type::now();
    const auto rows = static_cast<std::uint64_t>(given_.number("rows"));
    bench::load_clients(server_.port(), rows, 0);
    fmt::print("loaded {} clients in {:.0f} s\n", rows,
               std::chrono::duration<double>(clock_type::now() - began).count());
    bench::run_sql(server_.conninfo("postgres"), "CHECKPOINT");
    rebuild_alone();
    for (int round = 0; round < given_.number("rounds"); ++round)
      for (const bool beside : round % 2 == 0 ? std::vector{false, true} : std::vector{true, false})
        one_turn(round, beside);
    return report();
  }

 private:
  std::vector<std::string> rebuild_words() const {
    return {"replay", "rebuild", "clients", "--json", "--data-dir", server_.data_dir()};
  }
  std::string file(const char* name) const { return server_.data_dir() + "/../" + name; }

  void note_memory(pid_t rebuilding) {
    server_kb_ = std::max(server_kb_, resident_kb(server_.server_pid()));
    if (rebuilding > 0) rebuild_kb_ = std::max(rebuild_kb_, resident_kb(rebuilding));
  }

  // What the rebuild said of itself; its proof of the log before it is in `whole`.
  void note_rebuild(const command& done, clock_type::time_point began, const char* when) const {
    const auto parsed = json::parse(done.output());
    if (!parsed) throw std::runtime_error("the rebuild said: " + done.output());
    const auto& entity = member(parsed->root(), {"entities"}).items().front();
    const double seconds = number(entity, {"seconds"}), rows = number(entity, {"rows"});
    fmt::print(
        "{}: {:.0f} rows rebuilt and compared in {:.1f} s ({:.0f}/s), with the proof of the log {:.1f} s\n",
        when, rows, seconds, rows / seconds,
        std::chrono::duration<double>(clock_type::now() - began).count());
    std::fflush(stdout);
  }

  void rebuild_alone() {
    const auto began = clock_type::now();
    command rebuilding(given_, rebuild_words(), file("rebuild.json"));
    while (!rebuilding.has_ended(sample_interval))
      note_memory(rebuilding.pid());
    note_rebuild(rebuilding, began, "alone");
  }

  // What a rebuild leaves behind it (a table to vacuum, pages to write) is not to be measured as idleness.
  void settle() const {
    const std::string database = server_.conninfo("postgres");
    bench::run_sql(database, "VACUUM ANALYZE public.clients");
    bench::run_sql(database, "CHECKPOINT");
    std::this_thread::sleep_for(settle_time);
  }

  // Measured load: for --seconds beside nothing, or for as long as a rebuild takes beside it.
  void one_turn(int round, bool beside) {
    settle();
    const std::string report_file = file("bench.json");
    command load(given_,
                 {"bench", "mixed", "--url", fmt::format("http://127.0.0.1:{}", server_.port()), "--rate",
                  given_.text("rate"), "--connections", given_.text("connections"), "--duration",
                  beside ? std::to_string(longest_load.count()) : given_.text("seconds"), "--warmup",
                  std::to_string(warm_up.count()), "--json", report_file},
                 file("bench.txt"));
    if (beside) {
      std::this_thread::sleep_for(warm_up);
      const auto began = clock_type::now();
      command rebuilding(given_, rebuild_words(), file("rebuild.json"));
      while (!rebuilding.has_ended(sample_interval)) {
        note_memory(rebuilding.pid());
        if (load.has_ended(std::chrono::milliseconds(0)))
          throw std::runtime_error("the load ended before the rebuild: " + load.output());
      }
      note_rebuild(rebuilding, began, "beside the load");
      kill(load.pid(), SIGINT); // it ends with the figures so far
    }
    while (!load.has_ended(sample_interval))
      note_memory(0);
    take(round, beside, report_file);
  }

  void take(int round, bool beside, const std::string& report_file) {
    std::ostringstream text;
    text << std::ifstream(report_file).rdbuf();
    const auto parsed = json::parse(text.str());
    if (!parsed) throw std::runtime_error("the load generator wrote: " + text.str());
    const auto p99_of = [&](const char* operation) {
      return number(parsed->root(), {"operations", operation, "latency_ms", "p99"});
    };
    load_figures figures;
    figures.p50 = number(parsed->root(), {"latency_ms", "p50"});
    figures.p99 = number(parsed->root(), {"latency_ms", "p99"});
    figures.rate = number(parsed->root(), {"rate"});
    figures.write_p99 = p99_of("write");
    figures.read_p99 = p99_of("read");
    figures.list_p99 = p99_of("list");
    figures.errors = number(parsed->root(), {"errors", "total"});
    errors_ += figures.errors;
    (beside ? beside_ : idle_).push_back(figures);
    fmt::print("round {}, {}: {:.0f}/s, p50 {:.2f}, p99 {:.2f} ms (write {:.2f}, read {:.2f}, list {:.2f})\n",
               round + 1, beside ? "beside a rebuild" : "idle", figures.rate, figures.p50, figures.p99,
               figures.write_p99, figures.read_p99, figures.list_p99);
    std::fflush(stdout);
  }

  bench::spread ratio_of(double load_figures::*figure) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < idle_.size(); ++i)
      ratios.push_back(beside_[i].*figure / idle_[i].*figure);
    return bench::spread_of(ratios);
  }

  int report() {
    const auto ratio = ratio_of(&load_figures::p99), writes = ratio_of(&load_figures::write_p99);
    fmt::print("p99 beside a rebuild / idle: median {:.2f} ({:.2f}-{:.2f}), limit {}\n", ratio.median,
               ratio.lowest, ratio.highest, given_.text("limit"));
    fmt::print("of the writes alone: median {:.2f} ({:.2f}-{:.2f})\n", writes.median, writes.lowest,
               writes.highest);
    fmt::print("resident at most: server {} MB, rebuild {} MB; {:.0f} requests failed\n", server_kb_ / 1024,
               rebuild_kb_ / 1024, errors_);
    const bool fits = ratio.median <= std::stod(given_.text("limit")) && errors_ == 0;
    fmt::print("{}\n", fits ? "ok" : "FAILED");
    return server_.stop() == 0 && fits ? 0 : 1;
  }

  const bench::options& given_;
  fault::serving server_;
  std::vector<load_figures> idle_, beside_; // by round
  std::int64_t server_kb_ = 0, rebuild_kb_ = 0;
  double errors_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv,
                             {{"synclog", SYNCLOG_BINARY},
                              {"rows", "1000000"},
                              {"rounds", "3"},
                              {"rate", "500"},
                              {"connections", "32"},
                              {"seconds", "20"},
                              {"limit", "2"}});
  try {
    return rebuild_bench(given).run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_rebuild_beside: {}\n", failed.what());
    return 1;
  }
}
