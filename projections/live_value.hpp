// One value of a record as its typed SQL column has it: read from the stored JSON text, compared as
// PostgreSQL compares the column's type. Pure. Private to projections.
#pragma once
#include "core/entity.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace synclog::projections {

// The canonical plain text of a field's or bookkeeping member's JSON text; nullopt = SQL NULL. Values of one
// column are equal exactly when these texts are. `scratch` keeps what cannot be a view into `json_text`: both
// outlive the result. What an older definition left in another spelling is brought into the column's; what
// its type cannot hold is no value.
std::optional<std::string_view> column_value(core::field_type type, std::string_view json_text,
                                             std::string& scratch);

// Negative, 0, positive. Both canonical. Texts by their bytes (COLLATE "C"), numbers of any length by their
// value, false before true, dates and times by time.
int compare_values(core::field_type type, std::string_view left, std::string_view right);

} // namespace synclog::projections
