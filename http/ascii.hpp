// ASCII text as protocols see it: independent of the locale. Pure.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace synclog::http {

constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = lower_case(c);
  return out;
}

constexpr bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower_case(a) == lower_case(b); });
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alphanumeric(char c) {
  return is_digit(c) || (lower_case(c) >= 'a' && lower_case(c) <= 'z');
}
// Control characters but for the tab.
constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// Whether any byte of `text` is one. Looks at all of it, without a branch: the compiler takes sixteen at a
// time.
constexpr bool has_control(std::string_view text) {
  unsigned char found = 0;
  for (const char c : text)
    found = static_cast<unsigned char>(found | (is_control(c) ? 1 : 0));
  return found != 0;
}

// For log lines: nothing in `text` can start another line or move the cursor.
inline std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), is_control, '?');
  return out;
}

} // namespace synclog::http
