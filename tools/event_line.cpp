// See event_line.hpp.
#include "tools/event_line.hpp"

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>
#include <ctime>
#include <fmt/format.h>
#include <iterator>
#include <utility>
#include <vector>

namespace synclog::tools {

namespace json = core::json;

namespace {

constexpr std::array<std::string_view, 5> bookkeeping_names{"id", "version", "position", "created_at",
                                                            "updated_at"};
constexpr std::size_t action_width = 8; // "reverted"
constexpr std::size_t position_width = 7;

std::uint32_t code_point_of(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  std::uint32_t made = first & (0x7Fu >> sequence.size());
  for (const char next : sequence.substr(1))
    made = made << 6 | (static_cast<unsigned char>(next) & 0x3Fu);
  return made;
}

bool is_harmful(std::uint32_t code_point) {
  const auto within = [code_point](std::uint32_t first, std::uint32_t last) {
    return code_point >= first && code_point <= last;
  };
  return code_point < 0x20 || within(0x7F, 0x9F) || code_point == 0x061C || within(0x200E, 0x200F) ||
         within(0x2028, 0x202E) || within(0x2066, 0x2069);
}

// A JSON token as a reader may see it; "-" for null.
std::string shown(std::string_view token) {
  if (token.empty() || token == "null") return "-";
  return harmless(token.front() == '"' ? json::unquote(token) : std::string(token));
}

std::string local_time(std::string_view token) {
  const auto moment = core::parse_rfc3339(json::unquote(token));
  if (!moment) core::invariant_broken("an envelope's time is none");
  const auto seconds = static_cast<std::time_t>(moment->micros / 1'000'000);
  std::tm local{};
  std::array<char, 32> text{};
  if (localtime_r(&seconds, &local) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local) == 0)
    return shown(token);
  return fmt::format("{}.{:03}", text.data(), moment->micros / 1'000 % 1'000);
}

std::string_view colour_of(std::string_view action_token) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> colours{{
      {R"("created")", "\033[32m"},
      {R"("updated")", "\033[36m"},
      {R"("deleted")", "\033[31m"},
      {R"("reverted")", "\033[35m"},
  }};
  for (const auto& [action, colour] : colours)
    if (action == action_token) return colour;
  return {};
}

constexpr std::string_view dim = "\033[2m";
constexpr std::string_view no_colour = "\033[0m";

std::vector<json::slice> fields_of(std::string_view record) {
  std::vector<json::slice> fields;
  if (!json::split_object(record, fields)) fields.clear();
  std::erase_if(fields, [](const json::slice& field) {
    return std::find(bookkeeping_names.begin(), bookkeeping_names.end(), field.name) !=
           bookkeeping_names.end();
  });
  return fields;
}

std::string_view value_in(const std::vector<json::slice>& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const json::slice& field) { return field.name == name; });
  return found == fields.end() ? "null" : found->value;
}

} // namespace

std::string harmless(std::string_view text) {
  std::string made;
  made.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto length = core::utf8_sequence_length(text, at);
    if (length == 0) {
      fmt::format_to(std::back_inserter(made), "\\x{:02x}", static_cast<unsigned char>(text[at]));
      ++at;
      continue;
    }
    const auto sequence = text.substr(at, length);
    const auto code_point = code_point_of(sequence);
    if (is_harmful(code_point)) {
      fmt::format_to(std::back_inserter(made), "\\u{:04x}", code_point);
    } else {
      made += sequence;
    }
    at += length;
  }
  return made;
}

std::string harmless_lines(std::string_view text) {
  std::string made;
  while (true) {
    const auto end = text.find('\n');
    std::string line(text.substr(0, end));
    std::replace(line.begin(), line.end(), '\t', ' '); // libpq indents with them
    made += harmless(line);
    if (end == std::string_view::npos) return made;
    made += '\n';
    text.remove_prefix(end + 1);
  }
}

event_tokens event_tokens::of(std::string_view envelope) {
  std::vector<json::slice> members;
  if (!json::split_object(envelope, members)) core::invariant_broken("an envelope is no object");
  const auto token = [&members](std::string_view name) { return value_in(members, name); };
  event_tokens made;
  made.position = token("position");
  made.action = token("action");
  made.resource = token("resource");
  made.id = token("id");
  made.version = token("version");
  made.branch = token("branch");
  made.actor = token("actor");
  made.recorded_at = token("recorded_at");
  made.data = token("data");
  made.previous_branch = token("previous_branch");
  made.moved = std::any_of(members.begin(), members.end(),
                           [](const json::slice& member) { return member.name == "previous_branch"; });
  return made;
}

std::string changed_fields(std::string_view before, std::string_view after) {
  if (before == "null" || after == "null") return {};
  const auto old_fields = fields_of(before);
  const auto new_fields = fields_of(after);
  std::string names;
  const auto add = [&names](std::string_view escaped_name) {
    if (!names.empty()) names += ", ";
    names += shown(fmt::format("\"{}\"", escaped_name));
  };
  for (const auto& field : new_fields)
    if (field.value != value_in(old_fields, field.name)) add(field.name);
  for (const auto& field : old_fields) {
    const bool gone = std::none_of(new_fields.begin(), new_fields.end(),
                                   [&field](const json::slice& other) { return other.name == field.name; });
    if (gone && field.value != "null") add(field.name);
  }
  return names;
}

std::string event_line(const event_tokens& event, std::string_view changed, line_layout layout) {
  const auto painted = [&layout](std::string_view colour, std::string text) {
    return layout.ink == paint::plain || colour.empty() ? text
                                                        : fmt::format("{}{}{}", colour, text, no_colour);
  };
  std::string line =
      fmt::format("{}  {:>{}}  {}  {:<{}}  {}  v{}  ", painted(dim, local_time(event.recorded_at)),
                  event.position, position_width,
                  painted(colour_of(event.action), fmt::format("{:<{}}", shown(event.action), action_width)),
                  shown(event.resource), layout.resource_width, shown(event.id), event.version);
  if (event.moved) line += shown(event.previous_branch) + " → ";
  line += shown(event.branch) + "  " + shown(event.actor);
  if (!changed.empty()) line.append("  ").append(changed);
  line += '\n';
  return line;
}

} // namespace synclog::tools
