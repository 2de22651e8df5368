// See nasty.hpp.
#include "nasty.hpp"
#include "core/json.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

namespace synclog::tests {

namespace {

using texts = std::vector<std::string>;

const texts fragments = {
    "",        "a",       "A",      "b",      "B",      "z",          "%",
    "_",       "\\",      "\\\\",   "\\%",    "%%",     "'",          "\"",
    "/",       "i",       "I",      "İ",      "ı",      "é",          "É",
    "e\u0301", "E\u0301", "\u0301", "\u0307", "ä",      "Ä",          "a\u0308",
    "ß",       "ẞ",       "ss",     "SS",     "ﬁ",      "fi",         "K",
    "k",       "Å",       "å",      "ø",      "Ø",      "σ",          "ς",
    "Σ",       "ΐ",       "한",     "하",     "日本",   "😀",          "👩‍👩‍👧",
    "🇩🇪",      "\u001f",  "\t",     "\n",     "\r",     "\x01",       "\x7f",
    " ",       "\u00a0",  "\u200b", "\ufeff", "\ufffd", "\U0010ffff", "null",
    "0",       "-1",      "true",   "{}",     "[]",     "\\u0041",    "$1",
    "--",      "NULL"};

const texts words = {"",         "north",   "North",  "NORTH", "Ärger", "ärger", "A\u0308rger",
                     "a%b",      "a_b",     "axb",    "a\\b",  "\\",    "%",     "_",
                     "é",        "e\u0301", "İzmir",  "izmir", "ızmır", "😀",     "\u001f",
                     "a\u001fb", "null",    " north", "north "};

const texts numbers = {"0",
                       "-0",
                       "0.0",
                       "1",
                       "-1",
                       "12.5",
                       "12.50",
                       "1.25e1",
                       "+12.5",
                       "12.500001",
                       "12.499999",
                       "-12.5",
                       "9",
                       "10",
                       "-9",
                       "-10",
                       "0.1",
                       "0.10000000000000000000000000000000000001",
                       "0.3",
                       "0.30000000000000004",
                       "0.3000000000000000000001",
                       "0.2999999999999999999999",
                       "12.50000000000000000000000001",
                       "-12.50000000000000000000000001",
                       "12.49999999999999999999999999",
                       "9007199254740992",
                       "9007199254740993",
                       "1e37",
                       "-1e37",
                       "1e-38",
                       "-1e-38",
                       "2e-38",
                       "99999999999999999999999999999999999999",
                       "-99999999999999999999999999999999999999",
                       "99999999999999999999999999999999999998",
                       "1234567890123456789.1234567890123456789"};
const texts cents = {"0",
                     "0.01",
                     "-0.01",
                     "12.5",
                     "12.50",
                     "12.51",
                     "-7",
                     "1e3",
                     "999.99",
                     "1000",
                     "-1000.01",
                     "999999999999999999999999999999999999.99",
                     "-999999999999999999999999999999999999.99"};
const texts integers = {"0",
                        "-0",
                        "1",
                        "-1",
                        "9",
                        "10",
                        "-9",
                        "-10",
                        "42",
                        "4.2e1",
                        "9007199254740992",
                        "9007199254740993",
                        "9223372036854775807",
                        "9223372036854775806",
                        "-9223372036854775808",
                        "-9223372036854775807"};
const texts booleans = {"true", "false", "1", "0"};
const texts dates = {"0001-01-01", "0001-01-02", "1899-12-31", "1969-12-31",
                     "1970-01-01", "1999-12-31", "2000-02-29", "2000-03-01",
                     "2024-02-29", "2026-11-23", "2026-11-24", "2026-11-23T23:59:59-12:00",
                     "9999-12-30", "9999-12-31"};
const texts times = {"00:00",    "00:00:00", "00:00:01", "09:59:59", "10:00",
                     "10:00:00", "12:00",    "23:59",    "23:59:59"};
const texts moments = {
    "0001-01-01T00:00:00Z",        "0001-01-01T00:00:00.000001Z",  "1899-12-31T23:59:59.5Z",
    "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z",         "1999-12-31T23:59:59.999999Z",
    "2000-01-01T00:00:00Z",        "2016-12-31T23:59:60Z",         "2017-01-01T00:00:00Z",
    "2026-11-23T04:05:06Z",        "2026-11-23T05:05:06+01:00",    "2026-11-22 20:05:06-08:00",
    "2026-11-23T04:05:06.000001Z", "2026-11-23T04:05:06.0000019Z", "9999-12-31T23:59:59.999999Z"};
const texts objects = {"{}", R"({"name":"north","status":"}"})",
                       R"({"a":{"branch":"x","b":["\\","{\"",null]},"é":1.50})"};
const texts arrays = {"[]", R"([{"sku":"A\"]","qty":2.50},"},{"])"};

// Where its characters start, and its end.
std::vector<std::size_t> boundaries(std::string_view text) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < text.size();
       at += std::max<std::size_t>(1, core::utf8_sequence_length(text, at)))
    places.push_back(at);
  places.push_back(text.size());
  return places;
}

std::string other_case(std::string text) {
  for (char& each : text)
    if ((each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z')) each = static_cast<char>(each ^ 0x20);
  return text;
}

} // namespace

std::string nasty_values::fragment() {
  return one_of(fragments);
}

std::string nasty_values::text() {
  if (below(5) < 3) return one_of(words);
  constexpr std::uint64_t longest = 6, rarely_long = 40; // pieces; a piece has at most 11 characters
  std::string made;
  for (std::uint64_t i = below(12) == 0 ? rarely_long : below(longest);
       i > 0 && core::count_code_points(made) < 200; --i)
    made += fragment();
  return made;
}

std::string nasty_values::spelled(core::field_type type, int max_decimals) {
  switch (type) {
  case core::field_type::text:
    return text();
  case core::field_type::number:
    return one_of(max_decimals < 0 ? numbers : cents);
  case core::field_type::integer:
    return one_of(integers);
  case core::field_type::boolean:
    return one_of(booleans);
  case core::field_type::date:
    return one_of(dates);
  case core::field_type::time:
    return one_of(times);
  case core::field_type::timestamp:
    return one_of(moments);
  case core::field_type::object:
    return one_of(objects);
  case core::field_type::array:
    return one_of(arrays);
  }
  core::invariant_broken("a field type without values");
}

std::string nasty_values::near(const std::string& text) {
  const std::vector<std::size_t> places = boundaries(text);
  const std::size_t place = one_of(places);
  switch (below(5)) {
  case 0:
    return other_case(text);
  case 1: // one character less
    return place == text.size()
               ? text
               : text.substr(0, place) + text.substr(*std::upper_bound(places.begin(), places.end(), place));
  case 2: // a wildcard instead of one
    return place == text.size() ? text + "%"
                                : text.substr(0, place) + (below(2) == 0 ? "%" : "_") +
                                      text.substr(*std::upper_bound(places.begin(), places.end(), place));
  case 3:
    return text + fragment();
  default:
    return text.substr(0, place) + fragment() + text.substr(place);
  }
}

std::string nasty_values::stretch(std::string_view text) {
  const std::vector<std::size_t> places = boundaries(text);
  const std::size_t a = one_of(places), b = one_of(places);
  return std::string(text.substr(std::min(a, b), std::max(a, b) - std::min(a, b)));
}

std::string nasty_values::field_json(const core::field& field) {
  if (below(4) == 0) return "null";
  if (field.unique) return below(3) == 0 ? "null" : core::json::quoted(fmt::format("{}#{}", text(), ++made_));
  const std::string value = spelled(field.type, field.max_decimals);
  switch (field.type) {
  case core::field_type::object:
  case core::field_type::array:
    return value;
  default:
    return core::json::quoted(value);
  }
}

core::field_texts nasty_values::record(const core::entity& definition) {
  std::string body = "{";
  for (const core::field& field : definition.fields)
    body += fmt::format("{}\"{}\":{}", body.size() == 1 ? "" : ",", field.name, field_json(field));
  body += "}";
  const auto parsed = core::json::parse(body);
  REQUIRE_MESSAGE(parsed.has_value(), body);
  auto valid = core::validate_object(definition, parsed->root(), "");
  REQUIRE_MESSAGE(valid.has_value(),
                  body << (valid ? ""
                           : valid.error().errors.empty()
                               ? valid.error().detail
                               : valid.error().errors.front().pointer + valid.error().errors.front().detail));
  core::fill_defaults(definition, valid->fields);
  return std::move(valid->fields);
}

} // namespace synclog::tests
