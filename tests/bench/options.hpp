// Command lines of the measuring programs: --name value, --flag. Used by main.
#pragma once
#include <map>
#include <string>

namespace synclog::tests::bench {

class options {
 public:
  // `known` maps each name to its default; one that defaults to "no" is a flag. Prints the usage and exits on
  // anything else.
  options(int argc, char** argv, std::map<std::string, std::string> known);
  const std::string& text(const std::string& name) const { return values_.at(name); }
  int number(const std::string& name) const;
  bool flag(const std::string& name) const { return values_.at(name) == "yes"; }

 private:
  std::map<std::string, std::string> values_;
};

} // namespace synclog::tests::bench
