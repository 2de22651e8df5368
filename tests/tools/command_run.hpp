// A subcommand of synclog as a child process: what it prints on both streams, and how it ends. Blocking; one
// thread calls it, and lives as long as the child.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace synclog::tests {

using words = std::vector<std::string>; // of a command line
inline words operator+(words all, const words& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class command_run {
 public:
  // `synclog <arguments…>`; `before` are words in front of the program, for `env NAME=value`.
  explicit command_run(const words& arguments, const std::string& before = "");
  ~command_run();
  command_run(const command_run&) = delete;
  command_run& operator=(const command_run&) = delete;

  // Whole lines on stdout so far.
  std::vector<std::string> lines() const;
  std::string output() const; // all of stdout so far
  std::string errors() const;
  // True when there are `count` lines within `patience`.
  bool reaches(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds(30)) const;
  // Waits for its end: the exit code, or 128 + signal. Throws after `patience`.
  int wait(std::chrono::milliseconds patience = std::chrono::seconds(30));
  // Sends the signal, then wait().
  int end_by(int signal);
  pid_t pid() const { return pid_; }

 private:
  std::string folder_;
  pid_t pid_ = 0;
};

// How a command ended, and all that it said.
struct ended_command {
  int code = -1;
  std::string output, errors;
};

// Runs a subcommand to its end; throws when that takes longer than two minutes.
ended_command run_command(const words& arguments);

// The synclog beside this test program.
std::string synclog_program();

// The words for a shell, quoted.
std::string shell_words(const words& all);

} // namespace synclog::tests
