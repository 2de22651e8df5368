// `synclog replay tail` as a child process. See command_run.hpp.
#pragma once
#include "command_run.hpp"

namespace synclog::tests {

class tail_run : public command_run {
 public:
  // `replay tail <arguments…>`.
  explicit tail_run(const std::vector<std::string>& arguments, const std::string& before = "")
      : command_run(words_of(arguments), before) {}

 private:
  static std::vector<std::string> words_of(const std::vector<std::string>& arguments) {
    std::vector<std::string> made{"replay", "tail"};
    made.insert(made.end(), arguments.begin(), arguments.end());
    return made;
  }
};

} // namespace synclog::tests
