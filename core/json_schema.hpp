// JSON Schema for what is inside an object or array field. Only definitions that declare such a schema pay
// for it. Compiled schemas are shared between threads and kept for the life of the process: there is one per
// definition field.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core::json {

struct schema_violation {
  std::string pointer; // into the value
  std::string detail;
};

// Empty = the value satisfies the schema. Preconditions: both are canonical JSON that passed the door.
std::optional<schema_violation> check_schema(std::string_view schema, std::string_view value_text);

// Why a schema cannot be used; empty when it can.
std::optional<std::string> schema_defect(std::string_view schema);

} // namespace synclog::core::json
