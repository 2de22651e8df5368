// What verify found, as sentences and as JSON.
#pragma once
#include "eventstore/verify_log.hpp"
#include "tools/checkpoint_files.hpp"
#include <optional>
#include <string>

namespace synclog::tools {

// What was asked for, as far as the words depend on it.
struct verify_scope {
  bool log = true, tables = true;
  core::position from{1};
  std::optional<core::position> to;
  std::string since; // the checkpoint's file; "" = none
  std::optional<loaded_checkpoint> checkpoint;
};

// One line or a few, each ended; the first names the difference when there is one. Nothing in it that a
// terminal would obey, whatever was written into the tables.
std::string verify_text(const eventstore::verify_report& report, const verify_scope& scope);
// One object: docs/event-log.md has the members.
std::string verify_json(const eventstore::verify_report& report, const verify_scope& scope);

} // namespace synclog::tools
