// fork, exec and /proc for the private PostgreSQL.
#include "eventstore/pg/embedded_process.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace synclog::eventstore::pg::embedded {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t max_output_bytes = 65'536;
constexpr std::size_t max_path_steps = 100;
constexpr std::chrono::milliseconds poll_interval{5};
constexpr int exit_no_user = 125;
constexpr int exit_no_folder = 126;
constexpr int exit_no_program = 127;

// In the child: become `user` for good. Root's own groups go too.
bool become(const system_user& user) {
  if (geteuid() != 0) return true;
  return setgroups(0, nullptr) == 0 && setgid(user.gid) == 0 && setuid(user.uid) == 0;
}

// In the child: everything that a fork inherits and a fresh program must not.
void reset_signals() {
  for (int number = 1; number < 32; ++number)
    signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct prepared {
  std::vector<char*> arguments;
  std::array<const char*, 4> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                         "LC_ALL=C.UTF-8", "TZ=UTC", nullptr};
};

prepared prepare(const command_line& command) {
  prepared made;
  for (const std::string& argument : command.arguments)
    made.arguments.push_back(const_cast<char*>(argument.c_str()));
  made.arguments.push_back(nullptr);
  return made;
}

// In the child, async-signal-safe. `output` < 0: to the log file, and the program outlives us; else it ends
// with `parent`.
[[noreturn]] void become_program(const command_line& command, const prepared& program, int output,
                                 pid_t parent) {
  reset_signals();
  setsid();
  umask(077);
  if (!become(command.as)) _exit(exit_no_user);
  if (output >= 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); // after the change of user, which clears it
    if (getppid() != parent) _exit(exit_no_user);
  }
  if (chdir(command.folder.c_str()) != 0) _exit(exit_no_folder);
  const int null = open("/dev/null", O_RDWR);
  if (output < 0) {
    output = command.log_path.empty()
                 ? null
                 : open(command.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  }
  if (null < 0 || output < 0) _exit(exit_no_folder);
  dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  execve(program.arguments[0], program.arguments.data(),
         const_cast<char* const*>(program.environment.data()));
  _exit(exit_no_program);
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The state letter of /proc/<pid>/stat; the name before it may hold anything, so look from its last ')'. 0 =
// no such process.
char state_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(in, line)) return 0;
  const auto close = line.rfind(')');
  return close == std::string::npos || close + 2 >= line.size() ? 0 : line[close + 2];
}

std::string name_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

} // namespace

pid_t launch(const command_line& command) {
  const prepared program = prepare(command);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) become_program(command, program, -1, self);
  return child;
}

finished run_to_end(const command_line& command, std::chrono::milliseconds timeout) {
  finished ended;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return ended;
  const prepared program = prepare(command);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) become_program(command, program, ends[1], self);
  close(ends[1]);
  const auto until = std::chrono::steady_clock::now() + timeout;
  std::array<char, 4096> buffer{};
  bool open_end = child > 0;
  while (open_end) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
    const int woken = left <= 0 ? 0 : poll(&ready, 1, static_cast<int>(left));
    if (woken < 0 && errno == EINTR) continue;
    if (woken <= 0) {
      ended.timed_out = true;
      break;
    }
    const ssize_t got = read(ends[0], buffer.data(), buffer.size());
    open_end = got > 0 || (got < 0 && errno == EINTR);
    if (got > 0) {
      const std::size_t room = max_output_bytes - ended.output.size();
      ended.output.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
    }
  }
  close(ends[0]);
  if (child <= 0) return ended;
  if (ended.timed_out) kill(-child, SIGKILL); // its own session is its own process group
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended.timed_out) ended.exit_code = exit_code_of(status);
  return ended;
}

int first_inaccessible(const std::vector<std::string>& folders, const system_user& user) {
  if (geteuid() != 0) {
    const auto closed = std::ranges::find_if(
        folders, [](const std::string& path) { return access(path.c_str(), X_OK) != 0; });
    return closed == folders.end() ? -1 : static_cast<int>(closed - folders.begin());
  }
  // Only the kernel knows (groups, ACLs, mount options): a child becomes the user and tries.
  const std::size_t count = std::min(folders.size(), max_path_steps);
  const pid_t child = fork();
  if (child == 0) {
    if (!become(user)) _exit(static_cast<int>(count));
    for (std::size_t i = 0; i < count; ++i) {
      if (access(folders[i].c_str(), X_OK) != 0) _exit(static_cast<int>(i));
    }
    _exit(static_cast<int>(max_path_steps));
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int answer = exit_code_of(status);
  return child > 0 && answer < static_cast<int>(count) ? answer : -1;
}

bool is_alive(pid_t pid) {
  if (pid <= 0) return false;
  const char state = state_of(pid);
  if (state == 'Z') waitpid(pid, nullptr, WNOHANG); // does nothing unless it is our child
  return state != 0 && state != 'Z' && state != 'X';
}

bool works_in(pid_t pid, const std::string& folder) {
  std::error_code error;
  const fs::path there = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  return !error && there == folder;
}

std::vector<pid_t> postgres_processes_in(const std::string& folder) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    if (works_in(pid, folder) && name_of(pid).starts_with("postgres") && is_alive(pid)) found.push_back(pid);
  }
  return found;
}

bool wait_until_gone(pid_t pid, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const int handle =
      static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)); // becomes readable when the process ends
  bool alive = is_alive(pid);
  while (alive) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
    // Without a handle (an old kernel) poll() ignores the entry and only waits.
    poll(&ended, 1, static_cast<int>(handle < 0 ? std::min(left, poll_interval).count() : left.count()));
    alive = is_alive(pid);
  }
  if (handle >= 0) close(handle);
  return !alive;
}

} // namespace synclog::eventstore::pg::embedded
