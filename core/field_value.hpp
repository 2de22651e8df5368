// One value of one field: from what a client sent to its canonical JSON text. Private to core: validate, csv
// and the loading of definitions (defaults) share these rules.
#pragma once
#include "core/entity.hpp"
#include "core/json.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core {

// What is wrong with a value; `pointer` leads further inside an object or array, "" = the value itself.
struct value_error {
  std::string pointer;
  std::string detail;
};

inline constexpr std::size_t general_max_length = 65'536; // characters of a text without maxLength
inline constexpr std::size_t indexed_max_length = 255;    // of a text that stands in a B-tree
// Levels inside an object or array that came as a string, so that its record stays within the door's 64.
inline constexpr std::size_t embedded_json_depth = 63;

// Append the canonical JSON text of a value to `out`, or say what is wrong and leave `out` as it was.
std::optional<value_error> append_canonical(std::string& out, const field& definition,
                                            const json::value& given);
// The same for a value given as text: a JSON string, a CSV cell. Empty text is "" for plain text, else null.
std::optional<value_error> append_canonical_text(std::string& out, const field& definition,
                                                 std::string_view given);

// Plain decimal: no exponent, no leading zeros or plus, no trailing zeros in the fraction, -0 is 0, 38 digits
// at most. `max_decimals` -1 = any. Empty on success, else the detail.
std::string append_canonical_number(std::string& out, std::string_view given, int max_decimals);

} // namespace synclog::core
