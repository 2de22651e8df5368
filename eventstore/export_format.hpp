// The lines of an exported log: a header, one event a line, a trailer. docs/export-import.md has the format.
// Pure: texts in, texts out.
#pragma once
#include "core/event.hpp"
#include "core/problem.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace synclog::eventstore {

inline constexpr std::string_view export_format_name = "synclog-log";
inline constexpr std::int64_t export_format_version = 1;

// An entity's definition as the exported database has it: so that a file kept for years explains itself.
struct exported_definition {
  std::string name;
  std::int64_t revision = 0;
  std::string definition; // the JSON file's exact text
};

struct export_header {
  core::uuid log_id{};
  core::position after;             // the first event's position is the one behind it
  core::sha256_digest after_hash{}; // of the event there; of an empty log at 0
  core::position head;              // of the last event
  core::sha256_digest head_hash{};  // as it was stored when the export began
  std::vector<exported_definition> definitions;
};

// A row of synclog.events. Where data and salt were erased, `data_hash` stands for them.
struct exported_event {
  core::event event;
  std::optional<core::sha256_digest> data_hash;
};

struct export_trailer {
  std::int64_t events = 0;
  core::position head;
  core::sha256_digest head_hash{};
};

// Append one line, with its line break.
void append_line(std::string& out, const export_header& header);
void append_line(std::string& out, const exported_event& source);
void append_line(std::string& out, const export_trailer& trailer);

using export_line = std::variant<export_header, exported_event, export_trailer>;

// Every member must be there, once, and no other. Problem malformed: what is wrong, for a reader who has the
// line before them; its place is not set.
core::result<export_line> parse_export_line(std::string_view line);

} // namespace synclog::eventstore
