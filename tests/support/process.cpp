// fork/exec with only async-signal-safe calls between the two, so that it is safe in a test with many
// threads.
#include "support/process.hpp"
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace synclog::tests {

namespace {

constexpr std::chrono::milliseconds poll_interval{5};

struct process_stat {
  char state = '?';
  pid_t parent = 0;
};

// Fields 3 and 4 of /proc/<pid>/stat; the name in field 2 may hold anything, so look from its last ')'.
std::optional<process_stat> read_stat(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  const auto close = line.rfind(')');
  if (close == std::string::npos || close + 4 > line.size()) return std::nullopt;
  process_stat out;
  out.state = line[close + 2];
  out.parent = static_cast<pid_t>(std::strtol(line.c_str() + close + 4, nullptr, 10));
  return out;
}

[[noreturn]] void exec_child(char* const* arguments, const spawn_options& options, pid_t parent) {
  if (options.as) {
    if (setgroups(0, nullptr) != 0 || setgid(options.as->gid) != 0 || setuid(options.as->uid) != 0)
      _exit(126);
  }
  // After setuid, which clears it. SIGQUIT is PostgreSQL's immediate shutdown: the postmaster ends its
  // children too.
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != parent) _exit(126);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
  const int null = open("/dev/null", O_RDWR);
  const int log =
      options.log_path.empty() ? null : open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (null < 0 || log < 0) _exit(126);
  dup2(null, 0);
  dup2(log, 1);
  dup2(log, 2);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execv(arguments[0], arguments);
  _exit(127);
}

} // namespace

pid_t spawn(const spawn_options& options) {
  std::vector<char*> arguments;
  for (const std::string& argument : options.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) exec_child(arguments.data(), options, self);
  return child;
}

std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    int status = 0;
    const pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid) return status;
    if (got < 0 && errno != EINTR) return 0; // somebody else reaped it
    if (std::chrono::steady_clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(poll_interval);
  }
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return out;
  while (const dirent* entry = readdir(proc)) {
    pid_t candidate = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    const auto parsed = std::from_chars(entry->d_name, end, candidate);
    if (parsed.ec != std::errc{} || parsed.ptr != end) continue;
    const auto stat = read_stat(candidate);
    if (stat && stat->parent == pid && stat->state != 'Z') out.push_back(candidate);
  }
  closedir(proc);
  return out;
}

bool is_alive(pid_t pid) {
  const auto stat = read_stat(pid);
  return stat && stat->state != 'Z' && stat->state != 'X';
}

std::int64_t resident_kb(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (in >> word) {
    if (word != "VmRSS:") continue;
    std::int64_t kb = 0;
    in >> kb;
    return kb;
  }
  return 0;
}

} // namespace synclog::tests
