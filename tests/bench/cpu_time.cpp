// See cpu_time.hpp.
#include "bench/cpu_time.hpp"
#include "support/process.hpp"
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace synclog::tests::bench {

namespace {

struct ticks {
  double own = 0;
  double reaped = 0;
};

ticks read_ticks(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(in, text); // not an iterator: a process that ends just now is a read error, which those throw
  const auto close = text.rfind(')');
  unsigned long user = 0, system = 0;
  long children_user = 0, children_system = 0;
  if (close == std::string::npos ||
      std::sscanf(text.c_str() + close, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                  &user, &system, &children_user, &children_system) != 4) {
    return {};
  }
  const auto per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  return {static_cast<double>(user + system) / per_second,
          static_cast<double>(children_user + children_system) / per_second};
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

} // namespace

double cpu_seconds(pid_t pid) {
  return read_ticks(pid).own;
}

double cpu_seconds_of_tree(pid_t postmaster) {
  const ticks parent = read_ticks(postmaster);
  double sum = parent.own + parent.reaped;
  for (const pid_t child : children_of(postmaster))
    sum += read_ticks(child).own;
  return sum;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double reaped_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double machine_cpu_seconds() {
  std::ifstream in("/proc/stat");
  std::string word;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0;
  in >> word >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts;
  return (user + nice + system + interrupts + soft_interrupts) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

} // namespace synclog::tests::bench
