// Finds, starts and stops the postmaster of a data folder.
#include "eventstore/pg/embedded_postmaster.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace synclog::eventstore::pg::embedded {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto orphans_leave_by_themselves = 2'000ms;
constexpr auto orphans_obey = 3'000ms;
constexpr auto fast_shutdown_timeout = 45s;
constexpr auto immediate_shutdown_timeout = 10s;
constexpr auto kill_timeout = 5s;
constexpr auto ready_poll_interval = 5ms;
constexpr std::uintmax_t max_log_bytes = 16 << 20;
constexpr std::size_t shown_log_bytes = 1'500;

struct pid_file {
  pid_t pid = 0;
  std::string socket_dir;
  std::string status; // "starting", "ready", "stopping", "standby", padded with spaces
};

// The lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory,
// status.
std::optional<pid_file> read_pid_file(const layout& where) {
  std::ifstream in(where.pg_dir + "/postmaster.pid");
  std::vector<std::string> lines;
  for (std::string line; lines.size() < 8 && std::getline(in, line);)
    lines.push_back(line);
  if (lines.empty()) return std::nullopt;
  pid_file seen;
  std::from_chars(lines[0].data(), lines[0].data() + lines[0].size(), seen.pid);
  if (lines.size() > 4) seen.socket_dir = lines[4];
  if (lines.size() > 7) seen.status = lines[7].substr(0, lines[7].find(' '));
  return seen;
}

std::string log_since(const layout& where, std::uintmax_t from) {
  std::ifstream in(where.log_path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(from));
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return text.size() > shown_log_bytes ? text.substr(text.size() - shown_log_bytes) : text;
}

std::uintmax_t log_size(const layout& where) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(where.log_path, error);
  return error ? 0 : size;
}

core::problem unavailable(std::string words) {
  return core::make_problem(core::problem_code::database_unavailable, std::move(words));
}

// Waits for all of them together.
bool all_gone(const std::vector<pid_t>& processes, std::chrono::milliseconds timeout) {
  const auto until = clock::now() + timeout;
  return std::ranges::all_of(processes, [until](pid_t pid) {
    return wait_until_gone(
        pid, std::max(0ms, std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now())));
  });
}

void signal_all(const std::vector<pid_t>& processes, int number) {
  for (const pid_t pid : processes)
    kill(pid, number);
}

} // namespace

std::optional<running_postmaster> find_postmaster(const layout& where) {
  const auto seen = read_pid_file(where);
  // The number alone proves nothing: after a reboot it is somebody else's.
  if (!seen || !is_alive(seen->pid) || !works_in(seen->pid, where.pg_dir)) return std::nullopt;
  return running_postmaster{seen->pid, seen->socket_dir};
}

core::result<void> clear_remains(const layout& where) {
  // Backends notice that their postmaster died and leave, except those deep in a computation; a new
  // postmaster refuses to start beside them. Ending them loses nothing: what they acknowledged is in the WAL,
  // and recovery follows anyway.
  std::vector<pid_t> orphans = postgres_processes_in(where.pg_dir);
  if (!all_gone(orphans, orphans_leave_by_themselves)) {
    signal_all(orphans, SIGQUIT);
    if (!all_gone(orphans, orphans_obey)) signal_all(orphans, SIGKILL);
    if (!all_gone(orphans, orphans_obey)) {
      return unavailable(fmt::format(
          "processes of a database that was killed still work in {} and do not end", where.pg_dir));
    }
  }
  // PostgreSQL itself would take any process that has the number by now, and even a zombie, for the old
  // postmaster.
  const acting_as user(where.runs_as);
  for (const std::string& stale :
       {where.pg_dir + "/postmaster.pid", where.socket_dir + "/.s.PGSQL.5432.lock"}) {
    std::error_code error;
    fs::remove(stale, error);
    if (error) return io_problem("cannot remove the stale", stale, error.value());
  }
  return {};
}

core::result<running_postmaster> await_ready(const layout& where, pid_t pid,
                                             std::chrono::milliseconds timeout,
                                             const std::atomic<bool>& give_up, std::uintmax_t log_from) {
  const auto until = clock::now() + timeout;
  for (;;) {
    const auto seen = read_pid_file(where);
    if (seen && seen->pid == pid && seen->status == "ready") return running_postmaster{pid, seen->socket_dir};
    if (give_up) return unavailable("stopped while PostgreSQL was starting");
    if (clock::now() >= until) {
      return unavailable(fmt::format(
          "PostgreSQL (pid {}) in {} was started but does not answer after {} s; it may be recovering "
          "from a crash. It is left running: try again, and see {}",
          pid, where.data_dir, timeout / 1s, where.log_path));
    }
    if (wait_until_gone(pid, ready_poll_interval)) {
      const std::string said = log_since(where, log_from);
      return unavailable(fmt::format("PostgreSQL in {} ended while starting:\n{}", where.data_dir,
                                     said.empty() ? "see " + where.log_path : said));
    }
  }
}

core::result<running_postmaster> start_postmaster(const layout& where, std::chrono::milliseconds timeout,
                                                  const std::atomic<bool>& give_up) {
  bound_log(where);
  const std::uintmax_t log_from = log_size(where);
  const pid_t pid = launch({.arguments = {where.bin_dir + "/postgres", "-D", where.pg_dir},
                            .as = where.runs_as,
                            .folder = where.pg_dir,
                            .log_path = where.log_path});
  if (pid <= 0) return io_problem("cannot start", where.bin_dir + "/postgres", errno);
  return await_ready(where, pid, timeout, give_up, log_from);
}

bool stop_postmaster(const layout& where, pid_t pid) {
  constexpr struct {
    int number;
    std::chrono::milliseconds timeout;
  } steps[] = {
      {SIGINT, fast_shutdown_timeout}, {SIGQUIT, immediate_shutdown_timeout}, {SIGKILL, kill_timeout}};
  for (const auto& step : steps) {
    if (!is_alive(pid) || !works_in(pid, where.pg_dir)) return true;
    kill(pid, step.number);
    if (wait_until_gone(pid, step.timeout)) return true;
  }
  return false;
}

void bound_log(const layout& where) {
  if (log_size(where) <= max_log_bytes) return;
  const acting_as user(where.runs_as);
  // Copied and cut, not renamed: the postmaster and its children hold it open, in append mode.
  std::error_code ignored;
  fs::copy_file(where.log_path, where.log_path + ".1", fs::copy_options::overwrite_existing, ignored);
  fs::resize_file(where.log_path, 0, ignored);
}

} // namespace synclog::eventstore::pg::embedded
