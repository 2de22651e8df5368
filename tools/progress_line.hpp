// Progress of long work on stderr: a line that rewrites itself on a terminal, now and then a line of its own
// elsewhere; with the rate and the time left.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::tools {

// How far one stage is, in any unit; `rate` a second since the stage began.
struct stage_progress {
  std::string_view stage;
  std::int64_t done = 0, total = 0;
  double rate = 0;
};
// "log: 1200 of 5000 (24 %), 400/s, 9 s left"; without a rate yet, or a total, what is known.
std::string progress_text(const stage_progress& progress);

class progress_line {
 public:
  progress_line();
  void show(std::string_view stage, std::int64_t done, std::int64_t total);
  // Takes the line away, before anything else is printed.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  bool terminal_;
  bool open_ = false;
  std::string stage_;
  std::int64_t began_with_ = 0;
  clock::time_point stage_began_, shown_;
};

} // namespace synclog::tools
