// The formats of array_recv and record_recv: an array is its dimensions, its element type, and each element
// behind its length; a row is the number of its attributes, and each one's type and length before its bytes.
#include "eventstore/pg/row_array.hpp"
#include "eventstore/pg/binary.hpp"
#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace synclog::eventstore::pg {

namespace {

constexpr std::int32_t null_length = -1;
constexpr std::uint32_t any_type = 0;

void append_array_header(std::string& out, std::uint32_t element_type, bool has_null, std::int32_t count) {
  append_big_endian<std::int32_t>(out, 1); // dimensions
  append_big_endian<std::int32_t>(out, has_null ? 1 : 0);
  append_big_endian(out, element_type);
  append_big_endian(out, count);
  append_big_endian<std::int32_t>(out, 1); // lower bound
}

constexpr std::size_t count_offset = 3 * sizeof(std::int32_t); // in the header

std::int32_t length_of(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw std::length_error("a row over 2 GiB");
  return static_cast<std::int32_t>(bytes);
}

} // namespace

row_array::row_array(std::int32_t attributes) : attributes_(attributes) {
  if (attributes < 1) throw std::logic_error("a row without attributes");
  append_array_header(out_, any_type, false, 0);
}

void row_array::put_number_at(std::size_t offset, std::int32_t number) {
  const auto wire = big_endian(number);
  std::memcpy(out_.data() + offset, &wire, sizeof wire);
}

void row_array::begin_value(std::uint32_t type) {
  if (given_ == 0) {
    row_begin_ = out_.size();
    append_big_endian<std::int32_t>(out_, 0); // its length, known at its end
    append_big_endian(out_, attributes_);
  }
  append_big_endian(out_, type);
}

void row_array::end_value() {
  if (++given_ < attributes_) return;
  put_number_at(row_begin_, length_of(out_.size() - row_begin_ - sizeof(std::int32_t)));
  given_ = 0;
  ++rows_;
}

row_array& row_array::null(std::uint32_t type) {
  begin_value(type);
  append_big_endian(out_, null_length);
  end_value();
  return *this;
}

row_array& row_array::put_int8(std::uint32_t type, std::int64_t value) {
  begin_value(type);
  append_big_endian<std::int32_t>(out_, sizeof value);
  append_big_endian(out_, value);
  end_value();
  return *this;
}

row_array& row_array::int8(std::int64_t value) {
  return put_int8(oid_int8, value);
}

row_array& row_array::timestamptz(std::int64_t micros_since_1970) {
  return put_int8(oid_timestamptz, micros_since_1970 - epoch_shift_micros);
}

row_array& row_array::bytes(std::uint32_t type, std::string_view value) {
  begin_value(type);
  append_big_endian(out_, length_of(value.size()));
  out_.append(value);
  end_value();
  return *this;
}

row_array& row_array::bytes_or_null(std::uint32_t type, std::optional<std::string_view> value) {
  return value ? bytes(type, *value) : null(type);
}

row_array& row_array::text_array(std::span<const std::optional<std::string_view>> values) {
  begin_value(oid_text_array);
  const auto length_at = out_.size();
  append_big_endian<std::int32_t>(out_, 0); // known at its end
  const bool has_null = std::any_of(values.begin(), values.end(), [](const auto& value) { return !value; });
  append_array_header(out_, oid_text, has_null, length_of(values.size()));
  for (const auto& value : values) {
    append_big_endian(out_, value ? length_of(value->size()) : null_length);
    if (value) out_.append(*value);
  }
  put_number_at(length_at, length_of(out_.size() - length_at - sizeof(std::int32_t)));
  end_value();
  return *this;
}

params row_array::as_parameter() && {
  if (rows_ == 0 || given_ != 0) throw std::logic_error("an array of rows ends within a row, or has none");
  put_number_at(count_offset, rows_);
  params one;
  one.binary(std::move(out_));
  return one;
}

} // namespace synclog::eventstore::pg
