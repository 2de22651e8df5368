// See field_value.hpp.
#include "core/field_value.hpp"
#include "core/clock.hpp"
#include "core/json_schema.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>
#include <charconv>

namespace synclog::core {

namespace {

constexpr int max_digits = 38; // of a number, as much as common decimal types hold
constexpr std::size_t max_number_text = 400;
constexpr int max_shift = 400; // of the decimal point by an exponent

using outcome = std::optional<value_error>;

outcome refuse(std::string detail) {
  return value_error{{}, std::move(detail)};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

void append_plain_string(std::string& out, std::string_view text) { // nothing in it needs an escape
  out.push_back('"');
  out += text;
  out.push_back('"');
}

struct decimal {
  bool negative = false;
  std::string digits; // without leading zeros
  int point = 0;      // digits in front of the decimal point; may be negative or beyond the end
};

// [+-] digits [. digits] [e[+-]digits]; ".5" and "5." are fine too. False when it is no number.
bool read_decimal(std::string_view text, decimal& out) {
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) out.negative = text[at++] == '-';
  bool any_digit = false;
  bool past_point = false;
  for (; at < text.size(); ++at) {
    const char here = text[at];
    if (here == '.' && !past_point) {
      past_point = true;
      continue;
    }
    if (here < '0' || here > '9') break;
    any_digit = true;
    const bool leading_zero = here == '0' && out.digits.empty();
    if (!leading_zero) out.digits.push_back(here);
    if (past_point && leading_zero)
      --out.point;
    else if (!past_point && !leading_zero)
      ++out.point;
  }
  if (!any_digit) return false;
  if (at == text.size()) return true;
  if (text[at] != 'e' && text[at] != 'E') return false;
  ++at;
  if (at < text.size() && text[at] == '+') ++at;
  int exponent = 0;
  const auto read = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
  if (read.ptr == text.data() + at || read.ptr != text.data() + text.size()) return false;
  if (read.ec != std::errc{}) exponent = text[at] == '-' ? -max_shift - 1 : max_shift + 1;
  out.point += std::clamp(exponent, -max_shift - 1, max_shift + 1);
  return true;
}

outcome check_integer(std::string_view canonical) {
  std::int64_t ignored = 0;
  const char* const end = canonical.data() + canonical.size();
  const auto read = std::from_chars(canonical.data(), end, ignored);
  if (read.ec != std::errc{} || read.ptr != end) return refuse("is beyond the range of whole numbers");
  return std::nullopt;
}

outcome append_number(std::string& out, const field& definition, std::string_view given) {
  const bool whole = definition.type == field_type::integer;
  const std::size_t start = out.size();
  std::string detail = append_canonical_number(out, given, whole ? 0 : definition.max_decimals);
  if (detail.empty() && whole)
    if (outcome error = check_integer(std::string_view(out).substr(start))) detail = std::move(error->detail);
  if (detail.empty()) return std::nullopt;
  out.resize(start);
  return refuse(std::move(detail));
}

outcome append_date(std::string& out, std::string_view given) {
  if (!is_calendar_date(given) && !parse_rfc3339(given))
    return refuse("must be a date that exists, like 2026-11-23");
  append_plain_string(out, given.substr(0, 10));
  return std::nullopt;
}

outcome append_time(std::string& out, std::string_view given) {
  const auto two_digits = [&](std::size_t at, char highest_ten) {
    return given[at] >= '0' && given[at] <= highest_ten && given[at + 1] >= '0' && given[at + 1] <= '9';
  };
  const bool shaped = (given.size() == 5 || given.size() == 8) && given[2] == ':' && two_digits(0, '2') &&
                      two_digits(3, '5') && (given[0] != '2' || given[1] <= '3') &&
                      (given.size() == 5 || (given[5] == ':' && two_digits(6, '5')));
  if (!shaped) return refuse("must be a time like 10:00 or 10:00:00");
  out.push_back('"');
  out += given;
  out += given.size() == 5 ? ":00\"" : "\"";
  return std::nullopt;
}

outcome append_timestamp(std::string& out, std::string_view given) {
  const auto moment = parse_rfc3339(given);
  if (!moment) return refuse("must be a time with zone like 2026-11-23T04:05:06Z");
  out.push_back('"');
  append_rfc3339(out, *moment);
  out.push_back('"');
  return std::nullopt;
}

outcome append_boolean(std::string& out, std::string_view given) {
  if (given == "true" || given == "1")
    out += "true";
  else if (given == "false" || given == "0")
    out += "false";
  else
    return refuse("must be true or false");
  return std::nullopt;
}

outcome append_text(std::string& out, const field& definition, std::string_view given) {
  if (given.empty() && (definition.unique || !definition.allowed_values.empty())) {
    out += "null";
    return std::nullopt;
  }
  const std::size_t limit = definition.max_length != 0 ? definition.max_length : general_max_length;
  // Bytes first: most texts are so short that their characters need no counting.
  if (given.size() > limit && count_code_points(given) > limit)
    return refuse("has more than " + std::to_string(limit) + " characters");
  const auto& allowed = definition.allowed_values;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), given) == allowed.end()) {
    std::string detail = "must be one of ";
    for (std::size_t at = 0; at < allowed.size(); ++at)
      detail += (at == 0 ? "" : ", ") + allowed[at];
    return refuse(std::move(detail));
  }
  json::append_string(out, given);
  return std::nullopt;
}

outcome append_container(std::string& out, const field& definition, const json::value& given) {
  const bool wants_object = definition.type == field_type::object;
  if (given.kind != (wants_object ? json::kind::object : json::kind::array))
    return refuse(wants_object ? "must be an object" : "must be an array");
  const std::size_t start = out.size();
  json::append_value(out, given);
  if (definition.nested_schema.empty()) return std::nullopt;
  auto broken = json::check_schema(definition.nested_schema, std::string_view(out).substr(start));
  if (!broken) return std::nullopt;
  out.resize(start);
  return value_error{std::move(broken->pointer), std::move(broken->detail)};
}

outcome append_container_text(std::string& out, const field& definition, std::string_view given) {
  auto parsed = json::parse(given, {.max_depth = embedded_json_depth});
  const std::string wanted = definition.type == field_type::object ? "an object" : "an array";
  if (!parsed) {
    const problem why = parsed.error();
    if (!why.errors.empty()) return value_error{why.errors.front().pointer, why.errors.front().detail};
    return refuse("must be " + wanted + "; the text given is " + why.detail);
  }
  if (!parsed->defects().empty()) {
    const json::defect& first = parsed->defects().front();
    return value_error{first.pointer, first.detail};
  }
  return append_container(out, definition, parsed->root());
}

} // namespace

std::string append_canonical_number(std::string& out, std::string_view given, int max_decimals) {
  decimal number;
  if (given.size() > max_number_text || !read_decimal(given, number)) return "must be a number";
  while (!number.digits.empty() && number.digits.back() == '0')
    number.digits.pop_back();
  if (number.digits.empty()) {
    out.push_back('0');
    return {};
  }
  const int significant = static_cast<int>(number.digits.size());
  const int decimals = std::max(0, significant - number.point);
  const int whole_digits = std::max(0, number.point);
  if (whole_digits + decimals > max_digits) return "has more than 38 digits";
  if (max_decimals == 0 && decimals > 0) return "must be a whole number";
  if (max_decimals > 0 && decimals > max_decimals)
    return "has more than " + std::to_string(max_decimals) + " decimals";
  if (number.negative) out.push_back('-');
  for (int at = 0; at < whole_digits; ++at)
    out.push_back(at < significant ? number.digits[static_cast<std::size_t>(at)] : '0');
  if (whole_digits == 0) out.push_back('0');
  if (decimals == 0) return {};
  out.push_back('.');
  for (int at = number.point; at < significant; ++at)
    out.push_back(at < 0 ? '0' : number.digits[static_cast<std::size_t>(at)]);
  return {};
}

std::optional<value_error> append_canonical_text(std::string& out, const field& definition,
                                                 std::string_view given) {
  if (definition.type == field_type::text) return append_text(out, definition, given);
  const std::string_view text = trimmed(given);
  if (text.empty()) {
    out += "null";
    return std::nullopt;
  }
  switch (definition.type) {
  case field_type::number:
  case field_type::integer:
    return append_number(out, definition, text);
  case field_type::boolean:
    return append_boolean(out, text);
  case field_type::date:
    return append_date(out, text);
  case field_type::time:
    return append_time(out, text);
  case field_type::timestamp:
    return append_timestamp(out, text);
  case field_type::object:
  case field_type::array:
    return append_container_text(out, definition, text);
  case field_type::text:
    break;
  }
  return refuse("cannot be read");
}

std::optional<value_error> append_canonical(std::string& out, const field& definition,
                                            const json::value& given) {
  const field_type type = definition.type;
  const bool container = type == field_type::object || type == field_type::array;
  switch (given.kind) {
  case json::kind::null:
    out += "null";
    return std::nullopt;
  case json::kind::string:
    return append_canonical_text(out, definition, given.text);
  case json::kind::number:
    // Phones and codes often come as numbers: their text is kept as it was written.
    if (type == field_type::text) return append_text(out, definition, given.text);
    if (type == field_type::number || type == field_type::integer)
      return append_number(out, definition, given.text);
    break;
  case json::kind::boolean:
    if (type == field_type::boolean) return append_boolean(out, given.boolean ? "true" : "false");
    break;
  case json::kind::array:
  case json::kind::object:
    if (container) return append_container(out, definition, given);
    break;
  }
  switch (type) {
  case field_type::text:
    return refuse("must be a text");
  case field_type::number:
  case field_type::integer:
    return refuse("must be a number");
  case field_type::boolean:
    return refuse("must be true or false");
  case field_type::date:
    return refuse("must be a date like 2026-11-23");
  case field_type::time:
    return refuse("must be a time like 10:00");
  case field_type::timestamp:
    return refuse("must be a time with zone like 2026-11-23T04:05:06Z");
  case field_type::object:
    return refuse("must be an object");
  case field_type::array:
    return refuse("must be an array");
  }
  return refuse("cannot be read");
}

} // namespace synclog::core
