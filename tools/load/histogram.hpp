// How long things took: a histogram whose buckets are linear inside each power of two (as HdrHistogram has
// it), so that percentiles are right within 0.4 % from nanoseconds to an hour in bounded memory. One thread
// adds; histograms of several threads are merged afterwards.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace synclog::tools::load {

class histogram {
 public:
  static constexpr std::int64_t highest_ns = (std::int64_t{1} << 42) - 1; // 73 minutes

  // Below 0 counts as 0, above highest_ns as highest_ns. Constant time, never allocates.
  void add(std::int64_t ns);
  void merge(const histogram& other);

  std::uint64_t count() const { return count_; }
  std::int64_t min_ns() const { return count_ > 0 ? min_ns_ : 0; }
  std::int64_t max_ns() const { return max_ns_; }
  double mean_ns() const;
  // The smallest value that at least `share` (0–1) of all are not above, as the middle of its bucket and
  // never outside [min, max]; 0 when empty.
  std::int64_t percentile_ns(double share) const;

 private:
  static constexpr int sub_bits = 8; // values below 2^8 have a bucket each, each later octave 2^7
  static constexpr int octaves = 42 - sub_bits;
  static constexpr std::size_t half = std::size_t{1} << (sub_bits - 1);
  static constexpr std::size_t buckets = 2 * half + octaves * half;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::int64_t middle_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  double sum_ns_ = 0;
  std::int64_t min_ns_ = highest_ns;
  std::int64_t max_ns_ = 0;
};

} // namespace synclog::tools::load
