// See live_value.hpp. Canonical texts are made so that most comparisons are comparisons of bytes: dates,
// times and moments have a fixed width, "false" stands before "true".
#include "projections/live_value.hpp"
#include "core/json.hpp"
#include "core/validate.hpp"

namespace synclog::projections {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// '0' in a shape stands for any digit.
bool has_shape(std::string_view text, std::string_view shape) {
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '0' ? !is_digit(text[i]) : text[i] != shape[i]) return false;
  return true;
}

// [-] whole [. fraction], no leading zeros, no trailing ones, no -0.
bool is_canonical_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  if (at == 0 || (at > 1 && text.front() == '0')) return false;
  if (at == text.size()) return !(negative && text == "0");
  if (text[at] != '.' || at + 1 == text.size() || text.back() == '0') return false;
  for (++at; at < text.size(); ++at)
    if (!is_digit(text[at])) return false;
  return true;
}

bool is_canonical(core::field_type type, std::string_view plain) {
  switch (type) {
  case core::field_type::text:
  case core::field_type::object:
  case core::field_type::array:
    return true;
  case core::field_type::number:
  case core::field_type::integer:
    return is_canonical_number(plain);
  case core::field_type::boolean:
    return plain == "true" || plain == "false";
  case core::field_type::date:
    return has_shape(plain, "0000-00-00");
  case core::field_type::time:
    return has_shape(plain, "00:00:00");
  case core::field_type::timestamp:
    return has_shape(plain, "0000-00-00T00:00:00.000000Z");
  }
  core::invariant_broken("a field type without a canonical text");
}

struct decimal {
  bool negative = false;
  std::string_view whole, fraction;
};

decimal split_decimal(std::string_view text) {
  decimal parts;
  parts.negative = text.starts_with('-');
  if (parts.negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  parts.whole = text.substr(0, point);
  if (point != std::string_view::npos) parts.fraction = text.substr(point + 1);
  return parts;
}

int compare_numbers(std::string_view left_text, std::string_view right_text) {
  const decimal left = split_decimal(left_text), right = split_decimal(right_text);
  if (left.negative != right.negative) return left.negative ? -1 : 1;
  int order = 0;
  if (left.whole.size() != right.whole.size())
    order = left.whole.size() < right.whole.size() ? -1 : 1;
  else if (order = left.whole.compare(right.whole); order == 0)
    order = left.fraction.compare(right.fraction); // without trailing zeros the longer of two is greater
  return left.negative ? -order : order;
}

} // namespace

std::optional<std::string_view> column_value(core::field_type type, std::string_view json_text,
                                             std::string& scratch) {
  if (json_text == "null") return std::nullopt;
  std::string_view plain = json_text;
  if (json_text.front() == '"') {
    plain = json_text.substr(1, json_text.size() - 2);
    if (plain.find('\\') != std::string_view::npos) plain = scratch = core::json::unquote(json_text);
  }
  if (is_canonical(type, plain)) return plain;
  auto canonical = core::canonical_filter_text(type, plain);
  if (!canonical) return std::nullopt;
  return scratch = *std::move(canonical);
}

int compare_values(core::field_type type, std::string_view left, std::string_view right) {
  const bool is_number = type == core::field_type::number || type == core::field_type::integer;
  return is_number ? compare_numbers(left, right) : left.compare(right);
}

} // namespace synclog::projections
