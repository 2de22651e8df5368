// Child processes for tests: started as another user when the test is root, and gone when the test process
// is; and what others can be seen to use. Any thread, each object from one thread at a time.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace synclog::tests {

// Whom to become before exec; empty = stay.
struct run_as {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct spawn_options {
  std::vector<std::string> arguments; // [0] is the absolute path of the program
  std::optional<run_as> as;
  std::string folder;   // working directory
  std::string log_path; // stdout and stderr are appended here; empty = /dev/null
};

// Forks and execs; stdin is /dev/null, other descriptors are closed, and the child gets SIGQUIT when the
// calling *thread* ends: call it from one that lives as long as the child should. Throws std::system_error.
pid_t spawn(const spawn_options& options);

// Reaps `pid`: its wait status, or nothing when it still runs at the deadline.
std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout);

// Direct children of `pid` that are alive (zombies are not).
std::vector<pid_t> children_of(pid_t pid);
bool is_alive(pid_t pid);
// VmRSS; 0 when the process is gone.
std::int64_t resident_kb(pid_t pid);

} // namespace synclog::tests
