// strace at a tree of processes, making calls of the kernel fail or last. Blocking; one thread, which lives
// as long as the object.
#pragma once
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace synclog::tests::fault {

// The process and all below it that live now.
std::vector<pid_t> tree_of(pid_t root);

class syscall_faults {
 public:
  // "" = it can be done here; else a sentence why not. Tries it once a process.
  static const std::string& why_not();

  // From now on, in the tree and whatever it forks: `inject` in strace's words, as
  // "fdatasync:error=EIO". Returns when all of them are watched; throws std::runtime_error.
  syscall_faults(pid_t root, std::string_view inject);
  ~syscall_faults(); // they go on as if nothing had been
  syscall_faults(const syscall_faults&) = delete;
  syscall_faults& operator=(const syscall_faults&) = delete;

 private:
  pid_t strace_ = 0;
};

} // namespace synclog::tests::fault
