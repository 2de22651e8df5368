// How much memory another process holds, from /proc.
#pragma once
#include <sys/types.h>

namespace synclog::tests::bench {

struct resident_kb {
  double rss = 0;
  double pss = 0;       // shared pages by their share
  double anonymous = 0; // of its own: heap, stacks
};
// Zeros when the process is gone.
resident_kb resident_of(pid_t pid);

} // namespace synclog::tests::bench
