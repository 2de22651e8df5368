// From the bytes of a file to UTF-8 text. Private to core/csv*.
#pragma once
#include "core/problem.hpp"
#include <string>
#include <string_view>

namespace synclog::core::csv {

struct decoded_text {
  std::string text;     // without byte order mark; line ends as they came, but never CR alone for all of them
  std::string encoding; // utf-8, utf-16le, utf-16be, windows-1252
  bool has_broken_bytes = false; // NUL or ill-formed UTF-8 somewhere: rows are checked one by one
};

// malformed when the bytes are no text.
result<decoded_text> decode_text(std::string_view bytes);

} // namespace synclog::core::csv
