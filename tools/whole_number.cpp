#include "tools/whole_number.hpp"

#include <charconv>
#include <fmt/format.h>
#include <string>

namespace synclog::tools {

namespace {

constexpr std::size_t most_shown = 40; // characters of what was given

} // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  const auto refuse = [least, most](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc{} && read.ptr == text.data() + text.size() && value >= least && value <= most)
      return {};
    const auto shown = text.size() <= most_shown ? text : text.substr(0, most_shown) + "…";
    return fmt::format("'{}' is no whole number from {} to {}", shown, least, most);
  };
  return {refuse, ""};
}

} // namespace synclog::tools
