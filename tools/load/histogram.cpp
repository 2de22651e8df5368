// See histogram.hpp.
#include "tools/load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace synclog::tools::load {

std::size_t histogram::bucket_of(std::uint64_t ns) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(ns)) - sub_bits);
  return static_cast<std::size_t>(shift) * half + static_cast<std::size_t>(ns >> shift);
}

std::int64_t histogram::middle_of(std::size_t bucket) {
  if (bucket < 2 * half) return static_cast<std::int64_t>(bucket);
  const auto shift = bucket / half - 1;
  const auto first = static_cast<std::int64_t>((bucket % half + half) << shift);
  return first + (std::int64_t{1} << shift) / 2;
}

void histogram::add(std::int64_t ns) {
  const auto value = std::clamp<std::int64_t>(ns, 0, highest_ns);
  ++counts_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  sum_ns_ += static_cast<double>(value);
  min_ns_ = std::min(min_ns_, value);
  max_ns_ = std::max(max_ns_, value);
}

void histogram::merge(const histogram& other) {
  for (std::size_t i = 0; i < buckets; ++i)
    counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

double histogram::mean_ns() const {
  return count_ > 0 ? sum_ns_ / static_cast<double>(count_) : 0;
}

std::int64_t histogram::percentile_ns(double share) const {
  if (count_ == 0) return 0;
  const double exact = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(exact));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(middle_of(i), min_ns_, max_ns_);
  }
  return max_ns_;
}

} // namespace synclog::tools::load
