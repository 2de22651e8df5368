// Strong types for the numbers of the log, and record ids.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::core {

// A place in the log: 1, 2, 3 … without gaps, in commit order. 0 = before the first event.
struct position {
  std::int64_t value = 0;
  auto operator<=>(const position&) const = default;
  position next() const { return {value + 1}; }
};

using sha256_digest = std::array<unsigned char, 32>;
using uuid = std::array<unsigned char, 16>;

// 1-255 bytes of UTF-8 without '/', control characters, and neither "." nor "..".
bool is_valid_record_id(std::string_view id);

// RFC 9562 version 7; strictly increasing within this process, so that index inserts stay at the right edge.
uuid make_uuid7();
std::string to_string(const uuid& id);
// "CLT-0192f0c1-…"
std::string make_record_id(std::string_view prefix);

} // namespace synclog::core
