// How long events took from the server's clock (recorded_at, before the commit) to a subscriber on the same
// machine. Any thread.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::tests::streams {

class delays {
 public:
  // "2026-11-23T04:05:06.123456Z", received now.
  void note(std::string_view recorded_at);
  void clear();
  std::uint64_t count() const;
  // Upper bound of the bucket, about 4 % wide; 0 when nothing was noted. `share` 0.99 = p99.
  double milliseconds(double share) const;
  std::string summary() const;

 private:
  static constexpr std::size_t buckets_a_doubling = 16, doublings = 26; // 1 µs to a minute
  std::array<std::atomic<std::uint64_t>, buckets_a_doubling * doublings> counts_{};
};

// Microseconds since 1970 of an RFC 3339 time in UTC with six decimals; throws std::runtime_error otherwise.
std::int64_t micros_of(std::string_view recorded_at);

} // namespace synclog::tests::streams
