// See delays.hpp.
#include "tests/streams/delays.hpp"
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>

namespace synclog::tests::streams {

std::int64_t micros_of(std::string_view recorded_at) {
  constexpr std::size_t length = 27;
  if (recorded_at.size() != length || recorded_at.back() != 'Z')
    throw std::runtime_error("no time: " + std::string(recorded_at));
  const auto number = [recorded_at](std::size_t from, std::size_t digits) {
    int value = 0;
    std::from_chars(recorded_at.data() + from, recorded_at.data() + from + digits, value);
    return value;
  };
  using namespace std::chrono;
  const auto day = sys_days(year(number(0, 4)) / number(5, 2) / number(8, 2));
  const auto time =
      hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2)) + microseconds(number(20, 6));
  return duration_cast<microseconds>(day.time_since_epoch() + time).count();
}

void delays::note(std::string_view recorded_at) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(now).count() - micros_of(recorded_at);
  const double place = std::log2(static_cast<double>(std::max<std::int64_t>(took, 1))) * buckets_a_doubling;
  const auto bucket = std::min(static_cast<std::size_t>(place), counts_.size() - 1);
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
}

void delays::clear() {
  for (auto& one : counts_)
    one = 0;
}

std::uint64_t delays::count() const {
  std::uint64_t sum = 0;
  for (const auto& one : counts_)
    sum += one;
  return sum;
}

double delays::milliseconds(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count())));
  std::uint64_t sum = 0;
  for (std::size_t bucket = 0; bucket < counts_.size() && wanted > 0; ++bucket) {
    sum += counts_[bucket];
    if (sum >= wanted) return std::exp2(static_cast<double>(bucket + 1) / buckets_a_doubling) / 1'000;
  }
  return 0;
}

std::string delays::summary() const {
  return fmt::format("{} deliveries, delay p50 {:.1f} ms, p99 {:.1f} ms, p99.9 {:.1f} ms", count(),
                     milliseconds(0.5), milliseconds(0.99), milliseconds(0.999));
}

} // namespace synclog::tests::streams
