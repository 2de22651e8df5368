// See schedule.hpp.
#include "fault/schedule.hpp"
#include "fault/checker.hpp"
#include "fault/history.hpp"
#include "fault/logged_event.hpp"
#include "fault/serving.hpp"
#include "fault/snapshot.hpp"
#include "fault/wire.hpp"
#include "fault/writers.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <random>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr auto watch_patience = 60s; // beyond the promise, to say how late it was
constexpr auto verify_patience = 120s;
constexpr std::uint64_t warm_acknowledged = 300;

class run {
 public:
  explicit run(const run_options& options)
      : options_(options), random_(options.seed), kept_(options.history_path),
        server_({.program = options.program, .arguments = {}}) {}

  run_report perform();

 private:
  bool inject(fault_kind kind); // false when the service did not come back
  void strike(fault_kind kind);
  void restart_server();
  void pass_time(std::int64_t shortest_ms, std::int64_t longest_ms);
  bool is_ready();
  void check_everything();
  void count_operations();
  void end_in_order();
  template <class... Parts>
  void problem(fmt::format_string<Parts...> sentence, Parts&&... parts) {
    report_.problems.push_back(fmt::format(sentence, std::forward<Parts>(parts)...));
  }

  const run_options& options_;
  std::mt19937_64 random_;
  history kept_;
  serving server_;
  std::unique_ptr<writers> load_;
  std::unique_ptr<open_snapshot> snapshot_;
  run_report report_;
};

// The moment of the next fault: drawn, not waited for.
void run::pass_time(std::int64_t shortest_ms, std::int64_t longest_ms) {
  const auto span = static_cast<std::uint64_t>(longest_ms - shortest_ms + 1);
  std::this_thread::sleep_for(
      std::chrono::milliseconds(shortest_ms + static_cast<std::int64_t>(random_() % span)));
}

void run::restart_server() {
  server_.start();
  // Whoever kills a server must find its database as it was.
  if (server_.first_line().find("already running") == std::string::npos &&
      server_.first_line().find("(started)") == std::string::npos) {
    problem("the restarted server made a new database: {}", server_.first_line());
  }
}

void run::strike(fault_kind kind) {
  switch (kind) {
  case fault_kind::server:
    server_.kill_server();
    restart_server();
    if (server_.first_line().find("already running") == std::string::npos) {
      problem("the restarted server did not adopt the running PostgreSQL: {}", server_.first_line());
    }
    break;
  case fault_kind::database:
    server_.kill_database();
    break;
  case fault_kind::backend:
    if (!server_.kill_backend()) problem("no session to kill");
    break;
  case fault_kind::both:
    server_.kill_server();
    server_.kill_database();
    restart_server();
    break;
  case fault_kind::server_recovers:
    server_.kill_database();
    pass_time(0, 400);
    server_.kill_server();
    restart_server();
    break;
  }
}

bool run::is_ready() {
  wire probe;
  wire_answer answer;
  const auto came =
      probe.send(server_.port(), make_request("GET", "/readyz", "", ""), wire::clock::now() + 2s, answer);
  return came == exchange::answered && answer.status == 200;
}

bool run::inject(fault_kind kind) {
  const auto struck_us = load_->now_us();
  const auto struck = std::chrono::steady_clock::now();
  // Only writes sent after the kill count, so the time is taken again behind it.
  strike(kind);
  const auto killed_us = load_->now_us();
  const auto serves = [&] {
    if (load_->latest_acknowledged_us() <= killed_us) load_->probe();
    return load_->latest_acknowledged_us() > killed_us && is_ready();
  };
  const bool back = wait_until(serves, watch_patience);
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - struck);
  report_.faults.push_back({kind, struck_us / 1'000, took.count()});
  if (!back) {
    problem("no write was acknowledged within {} s after fault {} ({}); the server said:\n{}",
            watch_patience.count(), report_.faults.size(), to_string(kind), server_.output_tail());
  } else if (took > options_.back_within) {
    problem("fault {} ({}): back after {} ms instead of {} s", report_.faults.size(), to_string(kind),
            took.count(), options_.back_within.count());
  }
  if (options_.open_snapshot && back && !snapshot_->still_holds())
    snapshot_ = std::make_unique<open_snapshot>(server_.conninfo());
  return back;
}

void run::count_operations() {
  for (const operation& done : kept_.operations()) {
    ++report_.operations;
    switch (verdict_of(done)) {
    case verdict::acknowledged:
      ++report_.acknowledged;
      break;
    case verdict::refused:
      ++report_.refused;
      break;
    case verdict::nothing_saved:
      ++report_.nothing_saved;
      break;
    case verdict::unknown:
      ++report_.unknown;
      break;
    }
    report_.retried += done.attempts.size() > 1 ? 1 : 0;
    for (const attempt& made : done.attempts) {
      report_.unanswered_attempts += verdict_of(made) == verdict::unknown ? 1 : 0;
      report_.replayed += made.replayed ? 1 : 0;
    }
  }
}

void run::check_everything() {
  const auto verified = server_.run({"replay", "verify", "--json"}, verify_patience);
  if (verified.exit_code != 0)
    problem("I5/I6: replay verify exits {}: {}", verified.exit_code, verified.output);
  const auto log = read_log(server_.conninfo());
  report_.events = log.size();
  for (std::string& sentence : check(kept_.operations(), log))
    report_.problems.push_back(std::move(sentence));
  count_operations();
  if (load_->given_up() > 0) problem("{} retries were not answered in time", load_->given_up());
  for (const operation& done : kept_.operations()) {
    for (const attempt& made : done.attempts) {
      if (made.status == 500) {
        problem("{} was answered 500 {}", done.key, made.code);
        return;
      }
    }
  }
}

void run::end_in_order() {
  snapshot_.reset();
  const pid_t postmaster = server_.postmaster_pid();
  const int code = server_.stop();
  if (code != 0) problem("the server ended with {} on SIGTERM:\n{}", code, server_.output_tail());
  if (postmaster != 0 && server_.postmaster_pid() == postmaster)
    problem("PostgreSQL still runs after the server's end");
}

run_report run::perform() {
  server_.start();
  if (options_.open_snapshot) snapshot_ = std::make_unique<open_snapshot>(server_.conninfo());
  writers_options how;
  how.count = options_.writers;
  how.seed = options_.seed;
  how.port = [this] { return server_.port(); };
  load_ = std::make_unique<writers>(std::move(how), kept_);
  if (!wait_until([&] { return load_->acknowledged() >= warm_acknowledged; }, watch_patience)) {
    problem("the load does not get going; the server said:\n{}", server_.output_tail());
    return std::move(report_);
  }
  for (const fault_kind kind : faults_of(options_.seed, options_.faults)) {
    pass_time(100, 900);
    const bool back = inject(kind);
    if (!back) break;
  }
  pass_time(100, 300);
  load_->stop();
  check_everything();
  end_in_order();
  return std::move(report_);
}

} // namespace

std::string_view to_string(fault_kind kind) {
  switch (kind) {
  case fault_kind::server:
    return "server";
  case fault_kind::database:
    return "database";
  case fault_kind::backend:
    return "backend";
  case fault_kind::both:
    return "both";
  case fault_kind::server_recovers:
    return "server while recovering";
  }
  return "?";
}

std::vector<fault_kind> faults_of(std::uint64_t seed, int count) {
  std::mt19937_64 random(seed ^ 0x9e3779b97f4a7c15ULL);
  std::vector<fault_kind> made{fault_kind::server, fault_kind::database};
  made.resize(static_cast<std::size_t>(std::min(count, 2)));
  while (made.size() < static_cast<std::size_t>(count))
    made.push_back(static_cast<fault_kind>(random() % 5));
  // By hand: the order that std::shuffle makes is not the same everywhere.
  for (std::size_t left = made.size(); left > 1; --left)
    std::swap(made[left - 1], made[random() % left]);
  return made;
}

std::string run_report::summary() const {
  std::string out = fmt::format(
      "{} operations: {} acknowledged, {} refused, {} not saved, {} unknown; {} unanswered attempts, "
      "{} retried, {} replayed; {} events; faults:",
      operations, acknowledged, refused, nothing_saved, unknown, unanswered_attempts, retried, replayed,
      events);
  for (const fault_done& one : faults) {
    fmt::format_to(std::back_inserter(out), " {} at {} ms, back in {} ms;", to_string(one.kind), one.at_ms,
                   one.back_ms);
  }
  return out;
}

run_report run_schedule(const run_options& options) {
  run one(options);
  return one.perform();
}

} // namespace synclog::tests::fault
