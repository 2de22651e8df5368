// Wall-clock moments as whole microseconds since 1970 UTC, the resolution of PostgreSQL's timestamptz.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core {

struct timestamp {
  std::int64_t micros = 0;
  auto operator<=>(const timestamp&) const = default;
};

timestamp now();

// "2026-11-23T04:05:06.123456Z": always six decimals, always Z, so that text order is time order.
std::string to_rfc3339(timestamp moment);
void append_rfc3339(std::string& out, timestamp moment);

// RFC 3339 date-time with any offset and up to nine decimals (cut to six). Empty when it is none,
// or when the date does not exist.
std::optional<timestamp> parse_rfc3339(std::string_view text);

// "2026-11-23" that exists in the Gregorian calendar, years 0001-9999.
bool is_calendar_date(std::string_view text);

} // namespace synclog::core
