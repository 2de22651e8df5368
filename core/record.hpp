// A record as it is stored, streamed and answered: one flat JSON object, bookkeeping first, then every field
// of the definition in its order (null when empty). An event's `data`, a read table's `doc` and the body of a
// GET are these same bytes.
#pragma once
#include "core/clock.hpp"
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include "core/ids.hpp"
#include <string>
#include <string_view>

namespace synclog::core {

struct record_head {
  std::string id;
  std::int64_t version = 0;
  core::position position;
  timestamp created_at;
  timestamp updated_at;
};

struct record {
  record_head head;
  field_texts fields; // every slot filled
};

// {"id":…,"version":…,"position":…,"created_at":…,"updated_at":…,<fields>}
std::string encode_record(const entity& definition, const record_head& head, const field_texts& fields);

// The inverse, without building a DOM: finds the top-level members of stored bytes. Fields that the
// definition has and the text has not become null (an older definition); members unknown to the definition
// are skipped. Fails (malformed) when the text is no record.
result<record> decode_record(const entity& definition, std::string_view doc);

// A canonical field's value as text for a typed SQL column, a filter or CSV: strings unquoted and unescaped,
// numbers, booleans, objects and arrays as their JSON. Precondition: not "null".
std::string field_plain_text(std::string_view json_text);

// The branch of a record ("" = none), as plain text.
std::string branch_of(const entity& definition, const field_texts& fields);

} // namespace synclog::core
