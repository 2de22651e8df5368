// Child processes of the private PostgreSQL, and what /proc says of processes that are not our children. Any
// thread; between fork and exec only async-signal-safe calls are made, so other threads may run.
#pragma once
#include "eventstore/pg/embedded_layout.hpp"
#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace synclog::eventstore::pg::embedded {

struct command_line {
  std::vector<std::string> arguments; // [0] = absolute path of the program
  system_user as;
  std::string folder;   // working directory
  std::string log_path; // stdout and stderr are appended, the file opened as `as`; empty = /dev/null
};

// Starts a process in a session of its own: neither a Ctrl-C in our terminal nor our own death reaches it.
// -1 when the system refuses to fork.
pid_t launch(const command_line& command);

struct finished {
  int exit_code = -1; // 128 + signal when killed, -1 when it did not start or did not end in time
  bool timed_out = false;
  std::string output; // stdout and stderr, the first 64 KiB
};
// It is killed when the calling thread ends before it does.
finished run_to_end(const command_line& command, std::chrono::milliseconds timeout);

// The index of the first path that `user` may not search, -1 when all are fine.
int first_inaccessible(const std::vector<std::string>& folders, const system_user& user);

// Alive: exists and is no zombie. A zombie child of ours is reaped on the way.
bool is_alive(pid_t pid);
// True when the process works in `folder`: every process of a cluster has its data folder as working
// directory.
bool works_in(pid_t pid, const std::string& folder);
// Live processes named postgres that work in `folder`.
std::vector<pid_t> postgres_processes_in(const std::string& folder);

// True as soon as the process is gone, false at the timeout.
bool wait_until_gone(pid_t pid, std::chrono::milliseconds timeout);

} // namespace synclog::eventstore::pg::embedded
