// Page cursors: base64url of a check, then each order value (a tag byte, four bytes of length, the bytes).
// The check is a hash over the query and the values: it tells another query's cursor and a damaged one, it is
// no secret. What a forged one may say is a place in the caller's own list.
#include "core/chain.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"
#include "projections/list_query.hpp"
#include <array>

namespace synclog::projections {

namespace {

constexpr std::size_t check_bytes = 8;
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64url(std::string_view bytes) {
  std::string out;
  unsigned bits = 0;
  std::uint32_t buffer = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6)
      out.push_back(alphabet[(buffer >> (bits - 6)) & 63U]);
  }
  if (bits > 0) out.push_back(alphabet[(buffer << (6 - bits)) & 63U]);
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  std::uint32_t buffer = 0;
  for (const char c : text) {
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 6U) | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>((buffer >> bits) & 0xFFU));
  }
  if (bits >= 6 || (buffer & ((1U << bits) - 1U)) != 0) return std::nullopt; // one text per content
  return out;
}

std::string check_of(const list_query& query, std::string_view values) {
  std::string text = query.canonical;
  text.push_back('\0');
  text.append(values);
  const core::sha256_digest digest = core::sha256(text);
  return std::string(reinterpret_cast<const char*>(digest.data()), check_bytes);
}

void append_value(std::string& out, const std::optional<std::string>& value) {
  out.push_back(value ? 1 : 0);
  if (!value) return;
  const auto size = static_cast<std::uint32_t>(value->size());
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    out.push_back(static_cast<char>((size >> shift) & 0xFFU));
  out += *value;
}

// False when `bytes` does not begin with a value.
bool take_value(std::string_view& bytes, std::optional<std::string>& out) {
  if (bytes.empty()) return false;
  const char tag = bytes.front();
  bytes.remove_prefix(1);
  if (tag == 0) return true;
  if (tag != 1 || bytes.size() < 4) return false;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < 4; ++i)
    size = (size << 8U) | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(4);
  if (size > bytes.size()) return false;
  out = std::string(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return true;
}

// A value that a column of this type can hold, so that PostgreSQL takes it.
bool fits(const core::column_ref& column, const std::optional<std::string>& value) {
  if (!value) return column.field_index.has_value();
  if (!core::is_valid_utf8(*value) || value->find('\0') != std::string::npos) return false;
  if (column.type == core::field_type::text) return true;
  const auto canonical = core::canonical_filter_text(column.type, *value);
  return canonical.has_value() && !canonical->empty();
}

} // namespace

std::string encode_page_cursor(const list_query& query,
                               const std::vector<std::optional<std::string>>& last_values) {
  std::string values;
  for (const auto& value : last_values)
    append_value(values, value);
  return to_base64url(check_of(query, values) + values);
}

core::result<std::vector<std::optional<std::string>>> decode_page_cursor(const list_query& query,
                                                                         std::string_view cursor) {
  const auto refused = core::make_problem(
      core::problem_code::bad_request,
      "cursor: it is not one of this list; follow the Link header with rel=\"next\" as it is");
  const std::optional<std::string> bytes = from_base64url(cursor);
  if (!bytes || bytes->size() < check_bytes) return refused;
  std::string_view rest = std::string_view(*bytes).substr(check_bytes);
  if (check_of(query, rest) != std::string_view(*bytes).substr(0, check_bytes)) return refused;
  std::vector<std::optional<std::string>> values(query.order.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!take_value(rest, values[i]) || !fits(query.order[i].column, values[i])) return refused;
  if (!rest.empty()) return refused;
  return values;
}

} // namespace synclog::projections
