// Text folded once for searching: case and accents removed (Unicode decomposition, marks stripped, case
// folded). The read table's search column and the live filter use this same function.
#pragma once
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include <string>
#include <string_view>

namespace synclog::core {

std::string fold_text(std::string_view text);

// The searchable text of a record: its search fields folded, joined by U+001F so that no match spans two
// fields.
std::string search_text(const entity& definition, const field_texts& fields);

} // namespace synclog::core
