// See change_lines.hpp.
#include "tools/change_lines.hpp"

#include "core/utf8.hpp"
#include "tools/event_line.hpp"

namespace synclog::tools {

namespace {

constexpr std::size_t most_shown = 200; // bytes of a value
constexpr std::size_t most_paths = 20;

std::size_t character_start(std::string_view text, std::size_t at) {
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
    --at;
  return at;
}

std::string shown(const std::optional<std::string>& value) {
  if (!value) return "-";
  if (value->size() <= most_shown) return harmless(*value);
  const auto front = character_start(*value, most_shown / 2);
  const auto back = character_start(*value, value->size() - most_shown / 2);
  return harmless(value->substr(0, front)) + " … " + harmless(value->substr(back));
}

} // namespace

void append_change_lines(std::string& out, std::span<const core::change> changes) {
  for (const auto& change : changes)
    out += "  " + harmless(change.path) + ": " + shown(change.from) + " → " + shown(change.to) + "\n";
}

std::string change_paths(std::span<const core::change> changes) {
  std::string text;
  for (std::size_t index = 0; index < changes.size(); ++index) {
    if (index > 0) text += ", ";
    if (index == most_paths) return text + "…";
    text += harmless(changes[index].path);
  }
  return text;
}

} // namespace synclog::tools
