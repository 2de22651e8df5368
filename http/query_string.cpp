// Request-targets. Whatever is not clearly right is refused: two readers of one URL must never disagree.
#include "http/query_string.hpp"
#include "core/utf8.hpp"
#include "http/ascii.hpp"
#include <algorithm>

namespace synclog::http {
namespace {

enum class plus_sign : std::uint8_t { literal, space };

core::problem bad(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

core::result<std::string> decode(std::string_view raw, plus_sign plus) {
  std::string out;
  out.reserve(raw.size());
  bool ascii = true;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int high = i + 1 < raw.size() ? hex_digit(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
      if (high < 0 || low < 0) return bad("the URL has a '%' that is not followed by two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus == plus_sign::space) {
      c = ' ';
    }
    if (c == '\0') return bad("the URL has an encoded NUL");
    if (static_cast<unsigned char>(c) >= 0x80) ascii = false;
    out.push_back(c);
  }
  if (!ascii && !core::is_valid_utf8(out)) return bad("the URL is not valid UTF-8");
  return out;
}

core::result<void> read_path(std::string_view raw, target_parts& out) {
  std::size_t begin = 1; // after the leading slash
  out.path = "/";
  while (begin <= raw.size() && raw.size() > 1) {
    const std::size_t end = std::min(raw.find('/', begin), raw.size());
    auto segment = decode(raw.substr(begin, end - begin), plus_sign::literal);
    if (!segment) return segment.error();
    if (segment->find('/') != std::string::npos) {
      return bad("the path has an encoded slash inside a segment: ids have none");
    }
    if (!out.segments.empty()) out.path += '/';
    out.path += *segment;
    out.segments.push_back(std::move(*segment));
    begin = end + 1;
  }
  return {};
}

// "http://host:port/path" → authority and the rest; the target stays as it is when it is no absolute form.
core::result<void> split_absolute(std::string_view& target, target_parts& out) {
  const std::string lower = lower_case(target.substr(0, 8));
  std::size_t skip = 0;
  if (lower.starts_with("http://"))
    skip = 7;
  else if (lower.starts_with("https://"))
    skip = 8;
  else
    return bad("the request-target must begin with '/'");
  target.remove_prefix(skip);
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  out.authority = target.substr(0, end);
  if (out.authority.empty()) return bad("the request-target names no host");
  target.remove_prefix(end);
  return {};
}

} // namespace

core::result<parameter_list> parse_query(std::string_view raw) {
  parameter_list out;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals), plus_sign::space);
    if (!name) return name.error();
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())), plus_sign::space);
    if (!value) return value.error();
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

core::result<target_parts> parse_target(std::string_view target) {
  target_parts out;
  if (target == "*") {
    out.path = "*";
    return out;
  }
  if (target.find('#') != std::string_view::npos)
    return bad("the URL has a fragment, which is for the browser alone");
  if (!target.starts_with('/')) {
    if (auto split = split_absolute(target, out); !split) return split.error();
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  if (path.empty()) path = "/";
  if (auto read = read_path(path, out); !read) return read.error();
  if (question < target.size()) out.raw_query = target.substr(question + 1);
  auto query = parse_query(out.raw_query);
  if (!query) return query.error();
  out.query = std::move(*query);
  return out;
}

} // namespace synclog::http
