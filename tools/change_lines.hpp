// Differences of records for a terminal. Pure.
#pragma once
#include "core/difference.hpp"
#include <span>
#include <string>

namespace synclog::tools {

// A line each: `  /phone: null → "1"`; a side where nothing stands is `-`. Nothing in it can move a
// terminal's cursor. Long values are cut in the middle.
void append_change_lines(std::string& out, std::span<const core::change> changes);

// The paths alone: "/phone, /data/city".
std::string change_paths(std::span<const core::change> changes);

} // namespace synclog::tools
