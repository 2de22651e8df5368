// See http_oracle.hpp.
#include "fuzz/http_oracle.hpp"
#include <algorithm>
#include <cctype>

namespace synclog::fuzz {

namespace {

constexpr std::string_view line_end = "\r\n";

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

} // namespace

plain_head read_plain_head(std::string_view head) {
  plain_head made;
  const std::size_t first_end = head.find(line_end);
  made.is_1_1 = head.substr(0, first_end).ends_with("HTTP/1.1");
  for (std::size_t at = first_end + 2; at < head.size();) {
    const std::size_t end = std::min(head.find(line_end, at), head.size());
    const std::string_view line = head.substr(at, end - at);
    const std::string name = lower(line.substr(0, line.find(':')));
    if (name == "host") ++made.hosts;
    if (name == "transfer-encoding") ++made.codings;
    if (name == "content-length") {
      ++made.lengths;
      for (const char digit : trimmed(line.substr(line.find(':') + 1)))
        made.length = made.length * 10 + static_cast<std::size_t>(digit - '0');
    }
    at = end + 2;
  }
  return made;
}

std::optional<plain_body> read_plain_chunks(std::string_view text) {
  plain_body made;
  for (;;) {
    const std::size_t end = text.find(line_end, made.bytes);
    if (end == std::string_view::npos) return std::nullopt;
    std::size_t size = 0;
    for (const char digit : text.substr(made.bytes, end - made.bytes)) {
      const std::size_t value =
          std::string_view("0123456789abcdef").find(static_cast<char>(std::tolower(digit)));
      if (value == std::string_view::npos) break;
      size = size * 16 + value;
    }
    made.bytes = end + 2;
    if (size == 0) break;
    if (text.size() - made.bytes < size + 2 || text.substr(made.bytes + size, 2) != line_end)
      return std::nullopt;
    made.body += text.substr(made.bytes, size);
    made.bytes += size + 2;
  }
  for (;;) { // trailers, up to an empty line
    const std::size_t end = text.find(line_end, made.bytes);
    if (end == std::string_view::npos) return std::nullopt;
    const bool empty = end == made.bytes;
    made.bytes = end + 2;
    if (empty) return made;
  }
}

} // namespace synclog::fuzz
