// Canonical writing. Escapes are minimal and always the same, so equal texts are equal values and bytes can
// be hashed.
#include "core/json.hpp"
#include "core/utf8.hpp"
#include <array>
#include <cstring>

namespace synclog::core::json {

namespace {

// 0 = as it is, 'u' = \u00xx, else the letter behind the backslash.
constexpr std::array<char, 256> escape_letters = [] {
  std::array<char, 256> letters{};
  for (std::size_t control = 0; control < 0x20; ++control)
    letters[control] = 'u';
  letters['\b'] = 'b';
  letters['\f'] = 'f';
  letters['\n'] = 'n';
  letters['\r'] = 'r';
  letters['\t'] = 't';
  letters['"'] = '"';
  letters['\\'] = '\\';
  return letters;
}();

std::uint32_t hex_unit(std::string_view digits) {
  std::uint32_t unit = 0;
  for (const char digit : digits) {
    const auto lower = static_cast<std::uint32_t>(digit | 0x20);
    unit = unit * 16 + (lower >= 'a' ? lower - 'a' + 10 : lower - '0');
  }
  return unit;
}

// Reads the escape whose letter is at `at` and returns the offset behind it.
std::size_t append_unescaped(std::string& out, std::string_view inner, std::size_t at) {
  switch (inner[at]) {
  case 'b':
    out.push_back('\b');
    return at + 1;
  case 'f':
    out.push_back('\f');
    return at + 1;
  case 'n':
    out.push_back('\n');
    return at + 1;
  case 'r':
    out.push_back('\r');
    return at + 1;
  case 't':
    out.push_back('\t');
    return at + 1;
  case 'u':
    break;
  default:
    out.push_back(inner[at]);
    return at + 1;
  }
  if (inner.size() - at < 5) return inner.size(); // cut off: not written by us, so only the bounds matter
  std::uint32_t code_point = hex_unit(inner.substr(at + 1, 4));
  at += 5;
  if (code_point >= 0xD800 && code_point < 0xDC00 && inner.size() - at >= 6 && inner.substr(at, 2) == "\\u") {
    const std::uint32_t low = hex_unit(inner.substr(at + 2, 4));
    code_point = 0x10000 + ((code_point - 0xD800) << 10 | (low & 0x3FF));
    at += 6;
  }
  append_code_point(out, code_point);
  return at;
}

// Eight bytes of `word` at once, with no carry between them: is there a byte below 0x20, a quote or a
// backslash? Bytes of 0x80 and above are none. (The zero-byte test of "Bit Twiddling Hacks", S. E. Anderson;
// exact as a yes or no.)
constexpr bool any_escape(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  const std::uint64_t quote = word ^ ones * '"';
  const std::uint64_t backslash = word ^ ones * '\\';
  return (((word - ones * 0x20) | (quote - ones) | (backslash - ones)) & ~word & high) != 0;
}

// The first byte from `at` on that must be escaped; the end when there is none.
std::size_t next_escape(std::string_view text, std::size_t at) {
  for (std::uint64_t word = 0; text.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if (any_escape(word)) break;
  }
  while (at < text.size() && escape_letters[static_cast<unsigned char>(text[at])] == 0)
    ++at;
  return at;
}

} // namespace

void append_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t run = 0;
  for (auto at = next_escape(text, 0); at < text.size(); at = next_escape(text, run)) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const char letter = escape_letters[byte];
    out.append(text, run, at - run);
    run = at + 1;
    out.push_back('\\');
    out.push_back(letter);
    if (letter == 'u') {
      out += "00";
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
  out.append(text, run);
  out.push_back('"');
}

std::string quoted(std::string_view text) {
  std::string token;
  token.reserve(text.size() + 2);
  append_string(token, text);
  return token;
}

// Recursion over our own tree, whose depth the door has capped.
void append_value(std::string& out, const value& source) {
  bool first = true;
  const auto separate = [&] {
    if (!first) out.push_back(',');
    first = false;
  };
  switch (source.kind) {
  case kind::null:
    out += "null";
    return;
  case kind::boolean:
    out += source.boolean ? "true" : "false";
    return;
  case kind::string:
    append_string(out, source.text);
    return;
  case kind::number:
    out += source.text;
    return;
  case kind::array:
    out.push_back('[');
    for (const value& item : source.items()) {
      separate();
      append_value(out, item);
    }
    out.push_back(']');
    return;
  case kind::object:
    out.push_back('{');
    for (const member& each : source.members()) {
      separate();
      append_string(out, each.name);
      out.push_back(':');
      append_value(out, each.value);
    }
    out.push_back('}');
    return;
  }
}

std::string unquote(std::string_view token) {
  const std::string_view inner = token.substr(1, token.size() - 2);
  std::string text;
  text.reserve(inner.size());
  std::size_t at = 0;
  for (std::size_t escape = inner.find('\\'); escape != std::string_view::npos;
       escape = inner.find('\\', at)) {
    text.append(inner, at, escape - at);
    at = append_unescaped(text, inner, escape + 1);
  }
  text.append(inner, at);
  return text;
}

std::string pointer_segment(std::string_view name) {
  std::string segment;
  segment.reserve(name.size());
  for (const char each : name) {
    if (each == '~')
      segment += "~0";
    else if (each == '/')
      segment += "~1";
    else
      segment.push_back(each);
  }
  return segment;
}

} // namespace synclog::core::json
