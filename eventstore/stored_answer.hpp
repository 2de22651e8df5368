// How the first answer to an Idempotency-Key is kept: statuses, ids, versions and positions, and refusals
// whole. The records themselves are read from the log again.
#pragma once
#include "core/command.hpp"
#include "core/event.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

struct stored_answer {
  core::cursor at;
  std::vector<core::item_outcome> items; // without docs
};

std::string encode_answer(const stored_answer& answer);
// Empty when the text is not one of ours.
std::optional<stored_answer> decode_answer(std::string_view json_text);

} // namespace synclog::eventstore
