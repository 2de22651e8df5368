// UTF-8 as RFC 3629 has it: validity and code points, for texts that did not come through the JSON door.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::core {

// Length in bytes of the well-formed sequence that starts at `offset`; 0 when there is none (overlong,
// surrogate, beyond U+10FFFF, cut off). Precondition: offset < text.size().
std::size_t utf8_sequence_length(std::string_view text, std::size_t offset);

bool is_valid_utf8(std::string_view text);

// Code points of a valid text.
std::size_t count_code_points(std::string_view text);

void append_code_point(std::string& out, std::uint32_t code_point);

} // namespace synclog::core
