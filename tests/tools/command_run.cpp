// See command_run.hpp.
#include "command_run.hpp"
#include "tests/support/process.hpp"
#include "tests/support/wait.hpp"
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>

namespace synclog::tests {

namespace fs = std::filesystem;

namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

std::string synclog_program() {
  return (fs::read_symlink("/proc/self/exe").parent_path() / "synclog").string();
}

std::string shell_words(const words& all) {
  std::string made;
  for (const auto& word : all) {
    made += made.empty() ? "'" : " '";
    for (const char c : word)
      made += c == '\'' ? std::string("'\\''") : std::string(1, c);
    made += "'";
  }
  return made;
}

command_run::command_run(const words& arguments, const std::string& before) {
  folder_ = (fs::temp_directory_path() / "synclog-run-XXXXXX").string();
  if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  spawn_options how;
  how.arguments = {"/bin/sh", "-c",
                   "exec " + before + " " + shell_words(words{synclog_program()} + arguments) + " >" +
                       folder_ + "/out 2>" + folder_ + "/err"};
  pid_ = spawn(how);
}

command_run::~command_run() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait_for_exit(pid_, std::chrono::seconds(10));
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::vector<std::string> command_run::lines() const {
  const auto text = file_text(folder_ + "/out");
  std::vector<std::string> made;
  std::size_t start = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    made.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return made;
}

std::string command_run::output() const {
  return file_text(folder_ + "/out");
}

std::string command_run::errors() const {
  return file_text(folder_ + "/err");
}

bool command_run::reaches(std::size_t count, std::chrono::milliseconds patience) const {
  return wait_until([&] { return lines().size() >= count; }, patience);
}

int command_run::wait(std::chrono::milliseconds patience) {
  const auto status = wait_for_exit(pid_, patience);
  if (!status) throw std::runtime_error("the command does not end; it said: " + errors());
  pid_ = 0;
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
}

int command_run::end_by(int signal) {
  ::kill(pid_, signal);
  return wait();
}

ended_command run_command(const words& arguments) {
  command_run command(arguments);
  ended_command made;
  made.code = command.wait(std::chrono::minutes(2));
  made.output = command.output();
  made.errors = command.errors();
  return made;
}

} // namespace synclog::tests
