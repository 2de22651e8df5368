// See text_fold.hpp. Pure; the ASCII case needs no tables.
#include "core/text_fold.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>
#include <utf8proc.h>

namespace synclog::core {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char each) { return static_cast<unsigned char>(each) < 0x80; });
}

void append_lower_ascii(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  for (std::size_t at = start; at < out.size(); ++at)
    if (out[at] >= 'A' && out[at] <= 'Z') out[at] = static_cast<char>(out[at] | 0x20);
}

// Character by character: stripping marks makes the order that decomposition gives them irrelevant.
void append_folded(std::string& out, std::string_view text) {
  if (is_ascii(text)) return append_lower_ascii(out, text);
  constexpr auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_sequence_length(text, at);
    if (length <= 1) { // ASCII, or a byte that is no text: it can only match itself
      append_lower_ascii(out, text.substr(at++, 1));
      continue;
    }
    utf8proc_int32_t code_point = 0;
    utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                     static_cast<utf8proc_ssize_t>(length), &code_point);
    constexpr std::size_t longest_decomposition = 32; // Unicode's longest has 18 code points
    std::array<utf8proc_int32_t, longest_decomposition> parts{};
    int boundary_class = 0;
    const auto count = utf8proc_decompose_char(
        code_point, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()), options, &boundary_class);
    if (count < 0 || static_cast<std::size_t>(count) > parts.size())
      invariant_broken("a character has no decomposition");
    for (utf8proc_ssize_t part = 0; part < count; ++part)
      append_code_point(out, static_cast<std::uint32_t>(parts[static_cast<std::size_t>(part)]));
    at += length;
  }
}

} // namespace

std::string fold_text(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  append_folded(folded, text);
  return folded;
}

void append_search_part(std::string& out, std::string_view json_text) {
  if (json_text == "null") return;
  // Text once kept as a number, by an older definition, has no quotes. Most tokens have no escapes: fold what
  // stands between the quotes.
  if (json_text.front() != '"')
    append_folded(out, json_text);
  else if (json_text.find('\\') == std::string_view::npos)
    append_folded(out, json_text.substr(1, json_text.size() - 2));
  else
    append_folded(out, json::unquote(json_text));
}

std::string search_text(const entity& definition, const field_texts& fields) {
  std::string folded;
  bool first = true;
  for (const std::size_t index : definition.search_fields) {
    if (!first) folded.push_back(search_separator);
    first = false;
    if (fields.has(index)) append_search_part(folded, fields.get(index));
  }
  return folded;
}

} // namespace synclog::core
