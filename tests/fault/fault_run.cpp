// See fault_run.hpp.
#include "fault/fault_run.hpp"
#include "fault/checker.hpp"
#include "fault/wire.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <stdexcept>
#include <thread>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr auto start_patience = 60s;
constexpr auto verify_patience = 300s;
constexpr auto stream_patience = 60s; // at the end, when it is quiet: checkpoints are seldom then
constexpr std::uint64_t warm_acknowledged_each = 5;
constexpr std::size_t large_records = 8'000; // more than sockets hold, for slow_lists
constexpr std::size_t large_bulk = 2'000;
constexpr std::size_t max_problems = 60;
constexpr auto look_again = 50ms;

bool contains(const std::vector<fault_kind>& kinds, fault_kind wanted) {
  return std::find(kinds.begin(), kinds.end(), wanted) != kinds.end();
}

std::int64_t ms_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - then)
      .count();
}

site_options site_of(const run_options& options) {
  site_options made;
  made.kind = options.where;
  made.program = options.program;
  made.own_disk =
      contains(options.faults, fault_kind::full_disk) || contains(options.faults, fault_kind::power_loss);
  made.own_clock = contains(options.faults, fault_kind::clock_jump);
  return made;
}

} // namespace

fault_run::fault_run(const run_options& options)
    : options_(options), random_(options.seed), kept_(options.history_path), site_(site_of(options)) {}

void fault_run::add_problem(std::string sentence) {
  if (report_.problems.size() < max_problems) report_.problems.push_back(std::move(sentence));
}

// The moment of the next fault: drawn, not waited for.
void fault_run::pass_time(std::int64_t shortest_ms, std::int64_t longest_ms) {
  const auto span = static_cast<std::uint64_t>(longest_ms - shortest_ms + 1);
  std::this_thread::sleep_for(
      std::chrono::milliseconds(shortest_ms + static_cast<std::int64_t>(random_() % span)));
}

bool fault_run::is_ready() {
  wire probe;
  wire_answer answer;
  const auto came =
      probe.send(site_.port(), make_request("GET", "/readyz", "", ""), wire::clock::now() + 2s, answer);
  return came == exchange::answered && answer.status == 200;
}

std::unique_ptr<writers> fault_run::make_load() {
  constexpr std::uint64_t apart = 1'000'000'007; // eras have keys of their own
  writers_options how;
  how.count = options_.writers;
  how.seed = options_.seed + era_ * apart;
  how.rest_between = options_.rest_between;
  how.began = began_;
  how.port = [this] { return site_.port(); };
  return std::make_unique<writers>(std::move(how), kept_);
}

bool fault_run::begin() {
  site_.start_server();
  if (options_.open_snapshot) snapshot_ = std::make_unique<open_snapshot>(site_.conninfo());
  began_ = std::chrono::steady_clock::now();
  if (options_.followers > 0) {
    followers_options how;
    how.count = options_.followers;
    how.kind = options_.scale == fault_scale::full ? follower_kind::mixed : follower_kind::unfiltered;
    how.seed = options_.seed;
    how.port = [this] { return spoiler_ ? spoiler_->port() : site_.port(); };
    if (options_.spoil_streams)
      spoiler_ = std::make_unique<tcp_proxy>([this] { return site_.port(); }, options_.spoil_streams);
    followers_ = std::make_unique<followers>(std::move(how));
  }
  load_ = make_load();
  const auto enough = warm_acknowledged_each * static_cast<std::uint64_t>(options_.writers);
  const bool warm =
      wait_until([&] { return load_->acknowledged() >= enough && (!followers_ || followers_->all_begun()); },
                 start_patience);
  if (!warm) {
    problem("I8: the load does not get going; the server said:\n{}", site_.server().output_tail());
    return false;
  }
  // While everybody is connected: a backup sends all of them away for a moment.
  before_ = vitals_of(site_);
  if (contains(options_.faults, fault_kind::old_backup)) keep_backup();
  if (contains(options_.faults, fault_kind::slow_lists)) {
    for (std::size_t saved = 0; saved < large_records; saved += large_bulk) {
      if (!load_->save_many(large_bulk)) problem("a bulk of {} records was not saved", large_bulk);
    }
  }
  if (options_.sabotage_start) options_.sabotage_start(site_);
  return true;
}

// Under load: what is under way is tried again.
void fault_run::keep_backup() {
  snapshot_.reset();
  if (site_.stop_server() != 0) problem("the server did not end in order before its backup");
  site_.server().keep_backup();
  site_.start_server();
  if (options_.open_snapshot) snapshot_ = std::make_unique<open_snapshot>(site_.conninfo());
}

bool fault_run::suffer(fault_kind kind) {
  if (kind == fault_kind::old_backup) return suffer_old_backup();
  tell(fmt::format("fault {}: {}", report_.faults.size() + 1, to_string(kind)));
  const auto struck_us = load_->now_us();
  auto injected = make_fault(kind, options_.scale, random_);
  injected->inject(site_);
  const auto from_us = load_->now_us();
  if (injected->lasts() > 0ms) {
    const bool stopped = wait_until([this] { return told_to_stop(); }, injected->lasts());
    if (stopped) tell("asked to stop: healing");
  }
  // It stays until it has been seen that it keeps nobody from writing: those who write may just be resting.
  const auto is_served = [&] { return load_->latest_acknowledged_us() > from_us; };
  if (injected->keeps_serving() && !wait_until(is_served, options_.back_within))
    problem("I8: {}: no write that was sent meanwhile was acknowledged", to_string(kind));
  const auto to_us = load_->now_us();
  // Only writes sent after the healing count, so the time is taken in front of it.
  const auto healing = std::chrono::steady_clock::now();
  injected->heal(site_);
  check_in_time_of(*injected, kind, from_us, to_us);
  const bool back = await_return(kind, struck_us, healing);
  for (const std::string& sentence : injected->problems())
    problem("I8: {}: {}", to_string(kind), sentence);
  if (back) await_settled(kind, healing);
  if (options_.open_snapshot && back && !snapshot_->still_holds())
    snapshot_ = std::make_unique<open_snapshot>(site_.conninfo());
  return back;
}

void fault_run::check_in_time_of(const injected_fault& lasting, fault_kind kind, std::int64_t from_us,
                                 std::int64_t to_us) {
  if (lasting.stops_commits(site_)) dead_.push_back({from_us, to_us, std::string(to_string(kind))});
}

bool fault_run::await_return(fault_kind kind, std::int64_t struck_us,
                             std::chrono::steady_clock::time_point healed) {
  const auto healed_us = load_->now_us();
  const auto serves = [&] {
    if (load_->latest_acknowledged_us() <= healed_us) load_->probe();
    return load_->latest_acknowledged_us() > healed_us && is_ready();
  };
  const bool back = wait_until(serves, options_.patience);
  const auto took_ms = ms_since(healed);
  report_.faults.push_back({kind, struck_us / 1'000, took_ms});
  if (!back) {
    problem("I8: no write was acknowledged within {} s after fault {} ({}); the server said:\n{}",
            options_.patience.count(), report_.faults.size(), to_string(kind), site_.server().output_tail());
  } else if (took_ms > std::chrono::milliseconds(options_.back_within).count()) {
    problem("I8: fault {} ({}): back after {} ms instead of {} s", report_.faults.size(), to_string(kind),
            took_ms, options_.back_within.count());
  }
  return back;
}

void fault_run::await_settled(fault_kind kind, std::chrono::steady_clock::time_point healed) {
  const auto head = load_->latest_position();
  std::string grown;
  std::size_t behind = 0;
  const bool is_old = kind == fault_kind::old_backup;
  const auto settled = [&] {
    behind = followers_ ? followers_->behind(head) : 0;
    if (behind > 0 || (is_old && followers_ && !followers_->all_resynced())) return false;
    grown = grown_since(before_, vitals_of(site_));
    if (!grown.empty()) std::this_thread::sleep_for(look_again); // each look is a session
    return grown.empty();
  };
  const auto left = std::chrono::milliseconds(options_.back_within).count() - ms_since(healed);
  if (wait_until(settled, std::chrono::milliseconds(std::max<std::int64_t>(left, 1'000)))) return;
  const bool late = wait_until(settled, options_.patience);
  problem("I8: {} s after fault {} ({}): {}; {}", options_.back_within.count(), report_.faults.size(),
          to_string(kind), behind > 0 || grown.empty() ? "not all streams had caught up" : grown,
          late ? fmt::format("so {} ms after its healing", ms_since(healed))
               : fmt::format("still {} behind", behind));
}

// What was acknowledged since the backup is gone by the nature of this fault: up to it everything is checked
// against the log as it was, afterwards what the backup holds and what is new against the log as it is.
bool fault_run::suffer_old_backup() {
  tell(fmt::format("fault {}: {}", report_.faults.size() + 1, to_string(fault_kind::old_backup)));
  load_->stop();
  if (load_->given_up() > 0) problem("I8: {} retries were not answered in time", load_->given_up());
  const auto struck_us = load_->now_us();
  old_log_ = read_log(site_.conninfo());
  for (std::string& sentence : check(kept_.operations(), old_log_))
    add_problem(std::move(sentence));
  report_.counts += count(kept_.operations(), old_log_);
  cut_operations_ = kept_.operations().size();
  std::vector<streams::logged> seen_log;
  if (followers_) seen_log = streams::copy_log(site_.conninfo());
  snapshot_.reset();
  site_.kill_server();
  site_.kill_database();
  std::vector<std::int64_t> were_at;
  if (followers_) were_at = followers_->cursors();
  site_.server().restore_backup();
  was_restored_ = true;
  ++era_;
  const auto healed = std::chrono::steady_clock::now();
  site_.start_server();
  if (followers_)
    followers_->expect_resync(std::move(seen_log),
                              static_cast<std::int64_t>(read_log(site_.conninfo()).size()),
                              std::move(were_at));
  load_ = make_load();
  if (options_.open_snapshot) snapshot_ = std::make_unique<open_snapshot>(site_.conninfo());
  const bool back = await_return(fault_kind::old_backup, struck_us, healed);
  if (back) await_settled(fault_kind::old_backup, healed);
  return back;
}

void fault_run::end_load() {
  load_->stop();
  if (load_->given_up() > 0) problem("I8: {} retries were not answered in time", load_->given_up());
}

void fault_run::check_answers(const std::vector<operation>& operations) {
  for (std::string& sentence : check_refusals(operations, dead_))
    add_problem(std::move(sentence));
  for (const operation& done : operations) {
    for (const attempt& made : done.attempts) {
      if (made.status == 500) {
        problem("{} was answered 500 {}", done.key, made.code);
        return;
      }
    }
  }
}

void fault_run::check_everything() {
  const auto verified = site_.server().run({"replay", "verify", "--json"}, verify_patience);
  if (verified.exit_code != 0)
    problem("I5/I6: replay verify exits {}: {}", verified.exit_code, verified.output);
  if (options_.scale == fault_scale::full) {
    const auto rebuilt = site_.server().run({"replay", "rebuild", "--dry-run"}, verify_patience);
    if (rebuilt.exit_code != 0)
      problem("I6: replay rebuild --dry-run exits {}: {}", rebuilt.exit_code, rebuilt.output);
  }
  const auto log = read_log(site_.conninfo());
  report_.events = log.size();
  const auto& all = kept_.operations();
  check_answers(all);
  if (!was_restored_) {
    for (std::string& sentence : check(all, log))
      add_problem(std::move(sentence));
    report_.counts += count(all, log);
    return;
  }
  // The new era's keys are its own: what of the log has an old one is what the backup held.
  std::vector<operation> old(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut_operations_));
  const std::vector<operation> fresh(all.begin() + static_cast<std::ptrdiff_t>(cut_operations_), all.end());
  std::int64_t kept_head = 0;
  while (static_cast<std::size_t>(kept_head) < std::min(log.size(), old_log_.size()) &&
         log[static_cast<std::size_t>(kept_head)].cursor ==
             old_log_[static_cast<std::size_t>(kept_head)].cursor)
    ++kept_head;
  auto still = without_cut(std::move(old), old_log_, kept_head, report_.cut_acknowledged);
  still.insert(still.end(), fresh.begin(), fresh.end());
  for (std::string& sentence : check(still, log))
    add_problem(std::move(sentence));
  report_.counts += count(fresh, log);
}

void fault_run::end_in_order() {
  snapshot_.reset();
  const bool supervised = site_.kind() == site_kind::supervised;
  const pid_t postmaster = supervised ? site_.postmaster_pid() : 0;
  const int code = site_.stop_server();
  if (code != 0) problem("the server ended with {} on SIGTERM:\n{}", code, site_.server().output_tail());
  if (postmaster != 0 && site_.postmaster_pid() == postmaster)
    problem("PostgreSQL still runs after the server's end");
}

run_report fault_run::perform() {
  if (!begin()) return std::move(report_);
  try {
    for (const fault_kind kind : options_.faults) {
      if (told_to_stop()) break;
      if (auto reason = why_not(kind, options_.where); !reason.empty()) {
        report_.skipped.push_back(fmt::format("{}: {}", to_string(kind), reason));
        continue;
      }
      pass_time(100, options_.scale == fault_scale::brief ? 400 : 900);
      if (!suffer(kind)) break;
    }
    pass_time(100, 300);
    end_load();
    if (options_.sabotage_end) options_.sabotage_end(site_);
    if (followers_) {
      followers_->settle();
      const auto log = streams::copy_log(site_.conninfo());
      const auto head = static_cast<std::int64_t>(log.size());
      static_cast<void>(wait_until([&] { return followers_->all_at(head); }, stream_patience));
      for (std::string& sentence : followers_->judge(log))
        add_problem(std::move(sentence));
      report_.streams = followers_->summary();
    }
    check_everything();
  } catch (const std::exception& failed) {
    problem("the run broke off: {}; the server said:\n{}", failed.what(), site_.server().output_tail());
    load_->stop();
  }
  end_in_order();
  return std::move(report_);
}

} // namespace synclog::tests::fault
