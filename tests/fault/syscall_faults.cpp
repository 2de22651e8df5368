// See syscall_faults.hpp.
#include "fault/syscall_faults.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr const char* program = "/usr/bin/strace";
constexpr auto attach_patience = 10s;
constexpr auto end_patience = 10s;

// Whoever traces it, 0 = nobody or it is gone.
pid_t tracer_of(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/status", pid));
  std::string word;
  while (in >> word) {
    if (word != "TracerPid:") continue;
    pid_t tracer = 0;
    in >> tracer;
    return tracer;
  }
  return 0;
}

std::string try_it() {
  if (!std::filesystem::exists(program)) return "strace is not installed";
  const pid_t child = spawn({.arguments = {"/usr/bin/sleep", "60"}, .as = {}, .folder = "/", .log_path = ""});
  std::string reason;
  try {
    const syscall_faults watched(child, "fdatasync:error=EIO");
  } catch (const std::runtime_error& failed) {
    reason = failed.what();
  }
  kill(child, SIGKILL);
  wait_for_exit(child, end_patience);
  return reason;
}

} // namespace

std::vector<pid_t> tree_of(pid_t root) {
  std::vector<pid_t> found{root};
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const pid_t child : children_of(found[next]))
      found.push_back(child);
  }
  return found;
}

const std::string& syscall_faults::why_not() {
  static const std::string reason = try_it();
  return reason;
}

syscall_faults::syscall_faults(pid_t root, std::string_view inject) {
  const auto watched = tree_of(root);
  spawn_options how;
  how.arguments = {program, "-f", "-qq", "-o", "/dev/null", "-e", fmt::format("inject={}", inject)};
  how.folder = "/";
  for (const pid_t pid : watched)
    how.arguments.insert(how.arguments.end(), {"-p", std::to_string(pid)});
  strace_ = spawn(how);
  const auto attached = [&] {
    return !is_alive(strace_) || std::all_of(watched.begin(), watched.end(), [this](pid_t pid) {
      return tracer_of(pid) == strace_ || !is_alive(pid);
    });
  };
  if (!wait_until(attached, attach_patience) || !is_alive(strace_)) {
    kill(strace_, SIGTERM);
    wait_for_exit(strace_, end_patience);
    throw std::runtime_error("strace cannot attach: tracing is forbidden here");
  }
}

syscall_faults::~syscall_faults() {
  kill(strace_, SIGTERM);
  if (wait_for_exit(strace_, end_patience)) return;
  kill(strace_, SIGKILL);
  wait_for_exit(strace_, end_patience);
}

} // namespace synclog::tests::fault
