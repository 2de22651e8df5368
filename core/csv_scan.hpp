// Splits one record off delimited text. Private to core/csv*.
#pragma once
#include "core/csv.hpp"
#include <cstddef>
#include <string_view>

namespace synclog::core::csv {

enum class quoting : std::uint8_t {
  rfc4180, // a quote that begins a field and is closed properly encloses it; any other is a character
  literal, // every quote is a character
};

struct scan_options {
  char delimiter = ',';
  csv::quoting quoting = quoting::rfc4180;
  std::size_t limit = 0; // no quoted field reaches beyond this offset
};

struct scanned {
  std::size_t past = 0;       // offset behind the record and its line end
  bool open_quote = false;    // a quote that began a field found no other quote up to the limit
  std::size_t open_field = 0; // the field it began
  bool stray_quote = false;   // a quote that is a character
  std::size_t quoted_fields = 0;
};

// Fills out.cells and out.quoted, reusing their memory. Precondition: offset < text.size().
scanned scan_record(std::string_view text, std::size_t offset, const scan_options& options, row& out);

// True for what an export writes with one ' in front: any number of ' and then = + - or @.
bool begins_like_formula(std::string_view text);

// Offset behind the line end of the physical line at `offset`.
std::size_t line_past(std::string_view text, std::size_t offset);
// The physical line without its line end.
std::string_view line_text(std::string_view text, std::size_t offset);

} // namespace synclog::core::csv
