// Formats as PostgreSQL's *_recv functions read them: integers big-endian, days and microseconds since 2000,
// numeric in digits of base 10,000. Only canonical texts are taken, as core/field_value writes them.
#include "projections/binary_copy.hpp"
#include "core/clock.hpp"
#include "eventstore/pg/binary.hpp"
#include "projections/layout.hpp"
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <vector>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

using pg::append_big_endian;

constexpr std::string_view copy_signature{"PGCOPY\n\377\r\n\0", 11};
constexpr std::int64_t micros_a_second = 1'000'000, micros_a_day = 86'400 * micros_a_second;
constexpr std::size_t bookkeeping_columns = 5;
constexpr std::size_t canonical_moment_bytes = 27; // 2026-11-23T04:05:06.123456Z

void append_null(std::string& out) {
  append_big_endian<std::int32_t>(out, -1);
}

void append_bytes(std::string& out, std::string_view bytes) {
  append_big_endian(out, static_cast<std::int32_t>(bytes.size()));
  out += bytes;
}

void append_int8(std::string& out, std::int64_t value) {
  append_big_endian<std::int32_t>(out, sizeof value);
  append_big_endian(out, value);
}

bool all_digits(std::string_view text) {
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  return !text.empty();
}

// No leading zeros, no -0: what PostgreSQL would print otherwise is another text, and the proof compares
// texts.
bool is_canonical_whole(std::string_view digits, bool negative) {
  return all_digits(digits) && (digits.front() != '0' || (digits.size() == 1 && !negative));
}

bool append_whole(std::string& out, std::string_view text) {
  const bool negative = text.starts_with('-');
  if (!is_canonical_whole(text.substr(negative ? 1 : 0), negative)) return false;
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return false;
  append_int8(out, value);
  return true;
}

// Decimal digits around the point in groups of four; groups of zeros at either end are left out.
bool append_numeric(std::string& out, std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  const bool has_fraction = point != std::string_view::npos;
  if (!is_canonical_whole(whole, negative && !has_fraction)) return false;
  if (has_fraction && (!all_digits(fraction) || fraction.back() == '0')) return false;
  constexpr std::size_t most = std::numeric_limits<std::int16_t>::max() / 2;
  if (whole.size() > most || fraction.size() > most) return false;

  std::string digits((4 - whole.size() % 4) % 4, '0');
  digits += whole;
  std::size_t groups_before = digits.size() / 4;
  digits += fraction;
  digits.append((4 - digits.size() % 4) % 4, '0');
  std::string_view used = digits;
  while (used.starts_with("0000")) {
    used.remove_prefix(4);
    --groups_before; // may go below zero: the first digit stands behind the point
  }
  while (used.ends_with("0000"))
    used.remove_suffix(4);

  const std::size_t groups = used.size() / 4;
  append_big_endian(out, static_cast<std::int32_t>(8 + 2 * groups));
  append_big_endian(out, static_cast<std::int16_t>(groups));
  append_big_endian(
      out, static_cast<std::int16_t>(groups == 0 ? 0 : static_cast<std::int64_t>(groups_before) - 1));
  append_big_endian<std::uint16_t>(out, negative && groups > 0 ? 0x4000 : 0);
  append_big_endian(out, static_cast<std::int16_t>(fraction.size()));
  for (std::size_t i = 0; i < used.size(); i += 4)
    append_big_endian(out, static_cast<std::int16_t>((used[i] - '0') * 1000 + (used[i + 1] - '0') * 100 +
                                                     (used[i + 2] - '0') * 10 + (used[i + 3] - '0')));
  return true;
}

bool append_date(std::string& out, std::string_view text) {
  if (!core::is_calendar_date(text)) return false;
  const auto midnight = core::parse_rfc3339(std::string(text) + "T00:00:00Z");
  if (!midnight) return false;
  append_big_endian<std::int32_t>(out, 4);
  append_big_endian(out,
                    static_cast<std::int32_t>((midnight->micros - pg::epoch_shift_micros) / micros_a_day));
  return true;
}

bool append_time(std::string& out, std::string_view text) { // 10:00:00
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return false;
  std::array<int, 3> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view two = text.substr(i * 3, 2);
    if (!all_digits(two)) return false;
    parts[i] = (two[0] - '0') * 10 + (two[1] - '0');
  }
  if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return false;
  append_int8(out, ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * micros_a_second);
  return true;
}

bool append_moment(std::string& out, std::string_view text) {
  if (text.size() != canonical_moment_bytes || text.back() != 'Z') return false;
  const auto moment = core::parse_rfc3339(text);
  if (!moment) return false;
  append_int8(out, moment->micros - pg::epoch_shift_micros);
  return true;
}

// A json column takes the JSON of its own type only: an object where an object is declared.
bool append_json(std::string& out, core::field_type type, std::string_view text) {
  if (text.empty() || text.front() != (type == core::field_type::object ? '{' : '[')) return false;
  append_bytes(out, text);
  return true;
}

void append_bookkeeping(std::string& out, const column_block& block, std::size_t row) {
  append_bytes(out, block.ids()[row]);
  append_int8(out, block.versions()[row]);
  append_int8(out, block.positions()[row]);
  append_int8(out, block.created_at()[row] - pg::epoch_shift_micros);
  append_int8(out, block.updated_at()[row] - pg::epoch_shift_micros);
}

} // namespace

bool append_binary_value(std::string& out, core::field_type type, std::string_view canonical_text) {
  switch (type) {
  case core::field_type::text:
    append_bytes(out, canonical_text);
    return true;
  case core::field_type::number:
    return append_numeric(out, canonical_text);
  case core::field_type::integer:
    return append_whole(out, canonical_text);
  case core::field_type::boolean:
    if (canonical_text != "true" && canonical_text != "false") return false;
    append_bytes(out, canonical_text == "true" ? std::string_view("\1", 1) : std::string_view("\0", 1));
    return true;
  case core::field_type::date:
    return append_date(out, canonical_text);
  case core::field_type::time:
    return append_time(out, canonical_text);
  case core::field_type::timestamp:
    return append_moment(out, canonical_text);
  case core::field_type::object:
  case core::field_type::array:
    return append_json(out, type, canonical_text);
  }
  core::invariant_broken("a field type without a binary form");
}

void write_binary_rows(std::string& out, const core::entity& definition, const column_block& block,
                       std::vector<misfit>& misfits) {
  out.assign(copy_signature);
  append_big_endian<std::int32_t>(out, 0); // no flags
  append_big_endian<std::int32_t>(out, 0); // no extension
  const bool searched = !block.search_texts().empty();
  const auto columns =
      static_cast<std::int16_t>(bookkeeping_columns + definition.fields.size() + (searched ? 1 : 0) + 1);
  for (std::size_t row = 0; row < block.size(); ++row) {
    const std::size_t before = out.size(), misfits_before = misfits.size();
    append_big_endian(out, columns);
    append_bookkeeping(out, block, row);
    for (std::size_t i = 0; i < definition.fields.size(); ++i) {
      const auto& value = block.fields()[i][row];
      if (!value)
        append_null(out);
      else if (!append_binary_value(out, definition.fields[i].type, *value))
        misfits.push_back({row, i});
    }
    if (searched) append_bytes(out, block.search_texts()[row]);
    append_bytes(out, block.docs()[row]);
    if (misfits.size() > misfits_before) out.resize(before);
  }
  append_big_endian<std::int16_t>(out, -1);
}

std::string binary_copy_sql(std::string_view table_name) {
  return "COPY " + qualified_table(table_name) + " FROM STDIN (FORMAT binary)";
}

} // namespace synclog::projections
