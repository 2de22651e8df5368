// Text folded once for searching: case and accents removed (Unicode decomposition, marks stripped, case
// folded). The read table's search column and the live filter use this same function.
#pragma once
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include <string>
#include <string_view>

namespace synclog::core {

std::string fold_text(std::string_view text);

// Between the fields of a search text, so that no match spans two of them.
inline constexpr char search_separator = '\x1F';

// Appends what one field adds to the search text: its canonical JSON text folded, nothing when it is null.
void append_search_part(std::string& out, std::string_view json_text);

// The searchable text of a record: its search fields folded, joined by the separator.
std::string search_text(const entity& definition, const field_texts& fields);

} // namespace synclog::core
