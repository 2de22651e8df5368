// Finds the top-level members of a stored object without parsing what is inside them. On the way of every
// write and of every event that a live query looks at: plain pointers, and no step back.
#include "core/json.hpp"
#include <cstring>

namespace synclog::core::json {

namespace {

// Each takes where it starts and the end of the text, and returns where it stopped; nullptr = the text ended
// too early, or there was nothing.

inline const char* past_space(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
    ++at;
  return at;
}

// Behind the closing quote of the string whose first quote is at `at`.
inline const char* past_string(const char* at, const char* end) {
  const char* const start = ++at;
  while (true) {
    // Measured: faster than loops of our own over one, or eight, bytes at a time, also for short names.
    const auto* const quote =
        static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
    if (quote == nullptr) return nullptr;
    at = quote + 1;
    // Behind an odd number of backslashes it belongs to the string.
    const char* escapes = quote;
    while (escapes != start && escapes[-1] == '\\')
      --escapes;
    if ((quote - escapes) % 2 == 0) return at;
  }
}

const char* past_container(const char* at, const char* end) {
  std::size_t depth = 0;
  while (at != end) {
    switch (*at) {
    case '"':
      at = past_string(at, end);
      if (at == nullptr) return nullptr;
      continue;
    case '{':
    case '[':
      ++depth;
      break;
    case '}':
    case ']':
      if (--depth == 0) return at + 1;
      break;
    default:
      break;
    }
    ++at;
  }
  return nullptr;
}

inline const char* past_value(const char* at, const char* end) {
  if (at == end) return nullptr;
  if (*at == '"') return past_string(at, end);
  if (*at == '{' || *at == '[') return past_container(at, end);
  const char* const start = at;
  while (at != end && *at != ',' && *at != '}' && *at != ' ' && *at != '\n' && *at != '\r' && *at != '\t')
    ++at;
  return at == start ? nullptr : at;
}

} // namespace

bool member_reader::next(slice& out) {
  if (state_ == state::whole || state_ == state::broken) return false;
  const bool is_first = state_ == state::unopened;
  state_ = state::broken; // until it is known better
  const char* at = past_space(at_, end_);
  if (is_first) {
    if (at == end_ || *at != '{') return false;
    at = past_space(at + 1, end_);
    if (at != end_ && *at == '}') return close(at + 1);
  } else {
    if (at == end_) return false;
    if (*at != ',') return *at == '}' && close(at + 1);
    at = past_space(at + 1, end_);
  }
  if (at == end_ || *at != '"') return false;
  const char* const name = at + 1;
  at = past_string(at, end_);
  if (at == nullptr) return false;
  out.name = {name, static_cast<std::size_t>(at - name) - 1};
  at = past_space(at, end_);
  if (at == end_ || *at != ':') return false;
  const char* const value = past_space(at + 1, end_);
  at = past_value(value, end_);
  if (at == nullptr) return false;
  out.value = {value, static_cast<std::size_t>(at - value)};
  at_ = at;
  state_ = state::open;
  return true;
}

// Behind the closing brace; always false, as next() then is.
bool member_reader::close(const char* at) {
  if (past_space(at, end_) == end_) state_ = state::whole;
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
