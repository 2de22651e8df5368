// Table-driven validation over a definition: turns forgiving input into canonical field texts, or reports
// every error at once, each with its pointer. Pure; runs in parallel before the committer.
#pragma once
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core {

// One record as a client sent it.
struct input_record {
  std::string id;     // empty = none given
  field_texts fields; // absent slots were not given; "null" = explicit null
  std::optional<std::int64_t> expected_version;
};

// Accepts field names and aliases (both of one field in one object = error), ignores bookkeeping (version,
// position, created_at, updated_at), takes `id` and `expected_version`, refuses every other name. JSON in a
// string becomes the object or array where the field is one; "" is null for dates, times, numbers and unique
// fields; dates take RFC 3339, times HH:MM[:SS]; numbers also as numeric strings. Missing required fields are
// NOT an error here: only the state knows whether this is a create (see check_required). `base_pointer`
// prefixes each pointer ("/3" in arrays).
result<input_record> validate_object(const entity& definition, const json::value& object,
                                     std::string_view base_pointer);

// One field from text (CSV cells): the same rules. Empty text = null for every type but plain text, where it
// is null too (a CSV cannot tell). Returns the canonical JSON text.
result<std::string> validate_text(const field& definition, std::string_view text);

// Fields that a create lacks, given what came and the defaults: one error each. Empty = none.
std::vector<field_error> check_required(const entity& definition, const field_texts& fields,
                                        std::string_view base_pointer);

// Fills absent and null slots from the defaults (null where there is none): the record of a create.
void fill_defaults(const entity& definition, field_texts& fields);

// Canonical text for a filter value of a column ("2026-11-23" for a date …), as plain text for SQL. Problem:
// bad_request.
result<std::string> canonical_filter_text(field_type type, std::string_view text);

} // namespace synclog::core
