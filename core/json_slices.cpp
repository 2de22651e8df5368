// Finds the top-level members of a stored object without parsing what is inside them.
#include "core/json.hpp"
#include <cstring>

namespace synclog::core::json {

bool member_reader::next(slice& out) {
  if (state_ == state::whole || state_ == state::broken) return false;
  const bool is_first = state_ == state::unopened;
  state_ = state::broken; // until it is known better
  skip_space();
  if (is_first) {
    if (!take('{')) return false;
    skip_space();
    if (take('}')) return close();
  } else if (!take(',')) {
    return take('}') && close();
  }
  skip_space();
  const char* const name = at_;
  if (!skip_string()) return false;
  out.name = {name + 1, static_cast<std::size_t>(at_ - name) - 2};
  skip_space();
  if (!take(':')) return false;
  skip_space();
  const char* const value = at_;
  if (!skip_value()) return false;
  out.value = {value, static_cast<std::size_t>(at_ - value)};
  state_ = state::open;
  return true;
}

// Behind the closing brace; always false, as next() then is.
bool member_reader::close() {
  skip_space();
  if (at_ == end_) state_ = state::whole;
  return false;
}

bool member_reader::take(char expected) {
  if (at_ == end_ || *at_ != expected) return false;
  ++at_;
  return true;
}

void member_reader::skip_space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
    ++at_;
}

bool member_reader::skip_string() {
  if (!take('"')) return false;
  const char* const start = at_;
  while (at_ != end_) {
    const auto* const quote =
        static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
    if (quote == nullptr) return false;
    at_ = quote + 1;
    // Behind an odd number of backslashes it belongs to the string.
    const char* escapes = quote;
    while (escapes != start && escapes[-1] == '\\')
      --escapes;
    if ((quote - escapes) % 2 == 0) return true;
  }
  return false;
}

bool member_reader::skip_value() {
  if (at_ == end_) return false;
  if (*at_ == '"') return skip_string();
  if (*at_ == '{' || *at_ == '[') return skip_container();
  const char* const start = at_;
  while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ' ' && *at_ != '\n' && *at_ != '\r' &&
         *at_ != '\t')
    ++at_;
  return at_ != start;
}

bool member_reader::skip_container() {
  std::size_t depth = 0;
  while (at_ != end_) {
    switch (*at_) {
    case '"':
      if (!skip_string()) return false;
      continue;
    case '{':
    case '[':
      ++depth;
      break;
    case '}':
    case ']':
      if (--depth == 0) {
        ++at_;
        return true;
      }
      break;
    default:
      break;
    }
    ++at_;
  }
  return false;
}

bool split_object(std::string_view text, std::vector<slice>& out) {
  out.clear();
  member_reader members(text);
  for (slice member; members.next(member);)
    out.push_back(member);
  return members.whole();
}

} // namespace synclog::core::json
