// Processor time of other processes, from /proc, to say who used the cores while something was measured.
#pragma once
#include <sys/types.h>

namespace synclog::tests::bench {

// Of the process itself, in seconds; 0 when it is gone.
double cpu_seconds(pid_t pid);
// Of a postmaster and its children: those that live, and those that it has reaped.
double cpu_seconds_of_tree(pid_t postmaster);
double own_cpu_seconds();
// Of the child processes that have ended and were waited for.
double reaped_cpu_seconds();
// Of the whole machine, all cores, everything but idling and waiting for disks.
double machine_cpu_seconds();

} // namespace synclog::tests::bench
