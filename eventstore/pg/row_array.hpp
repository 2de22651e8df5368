// Rows of a composite type as one parameter, $1::some_type[]. The database takes it apart for a fifth less
// than an array a column (docs/performance.md).
#pragma once
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace synclog::eventstore::pg {

// Values are given row by row, in the order of the type's attributes; a row begins by itself. The database
// refuses a value whose type is not the attribute's. The type itself is the statement's to name: its OID
// differs from database to database, and PostgreSQL (since 14) looks only at those of its own types.
class row_array {
 public:
  explicit row_array(std::int32_t attributes);

  row_array& null(std::uint32_t type);
  row_array& int8(std::int64_t value);
  row_array& timestamptz(std::int64_t micros_since_1970);
  row_array& bytes(std::uint32_t type, std::string_view value); // text, json, bytea: in binary, their bytes
  row_array& bytes_or_null(std::uint32_t type, std::optional<std::string_view> value);
  row_array& text_array(std::span<const std::optional<std::string_view>> values);

  std::size_t rows() const { return static_cast<std::size_t>(rows_); } // that are complete
  std::size_t size_in_bytes() const { return out_.size(); }

  // At least one row, and none begun: std::logic_error.
  params as_parameter() &&;

 private:
  void begin_value(std::uint32_t type);
  row_array& put_int8(std::uint32_t type, std::int64_t value);
  void end_value();
  void put_number_at(std::size_t offset, std::int32_t number);

  std::string out_;
  std::int32_t attributes_;
  std::int32_t given_ = 0; // of the row that is begun
  std::int32_t rows_ = 0;
  std::size_t row_begin_ = 0; // offset of the begun row's length
};

} // namespace synclog::eventstore::pg
