// See options.hpp.
#include "bench/options.hpp"
#include <cstdlib>
#include <fmt/format.h>

namespace synclog::tests::bench {

namespace {

[[noreturn]] void usage(const char* program, const std::map<std::string, std::string>& known) {
  fmt::print(stderr, "usage: {}", program);
  for (const auto& [name, value] : known)
    fmt::print(stderr, " [--{}{}]", name, value == "no" ? "" : " " + (value.empty() ? "…" : value));
  fmt::print(stderr, "\n");
  std::exit(2);
}

} // namespace

options::options(int argc, char** argv, std::map<std::string, std::string> known)
    : values_(std::move(known)) {
  for (int index = 1; index < argc; ++index) {
    const std::string argument = argv[index];
    const auto found = argument.starts_with("--") ? values_.find(argument.substr(2)) : values_.end();
    if (found == values_.end()) usage(argv[0], values_);
    if (found->second == "no" || found->second == "yes") {
      found->second = "yes";
    } else if (index + 1 < argc) {
      found->second = argv[++index];
    } else {
      usage(argv[0], values_);
    }
  }
}

int options::number(const std::string& name) const {
  const int value = std::atoi(values_.at(name).c_str());
  if (value <= 0) {
    fmt::print(stderr, "--{} must be a positive number\n", name);
    std::exit(2);
  }
  return value;
}

} // namespace synclog::tests::bench
