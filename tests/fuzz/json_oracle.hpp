// A second opinion on JSON: a reader of RFC 8259 that shares nothing with the door. Slow and plain. It
// recurses nowhere.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::fuzz {

struct json_opinion {
  std::string canonical; // as core/json is to print it: no space, minimal escapes, numbers as they came
  std::size_t depth = 0; // of the deepest container
  bool has_duplicate = false;
  bool has_nul = false; // \u0000 in a string or a name
  bool has_lone_surrogate = false;
  bool has_odd_number =
      false; // longer than a double's digits, or with an exponent that a double may not have
};

// Empty: no JSON text. A byte order mark in front is passed over, as the door does.
std::optional<json_opinion> read_json(std::string_view text);

} // namespace synclog::fuzz
