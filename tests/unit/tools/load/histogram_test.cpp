// The histogram of latencies: percentiles against exact ones, merging, bounds.
#include "tools/load/histogram.hpp"
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <vector>

using synclog::tools::load::histogram;

namespace {

constexpr double allowed_error = 0.005;

// The same definition without buckets.
std::int64_t exact(std::vector<std::int64_t> values, double share) {
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(1, rank) - 1];
}

void check_against_exact(const std::vector<std::int64_t>& values) {
  histogram made;
  for (const auto value : values)
    made.add(value);
  REQUIRE(made.count() == values.size());
  CHECK(made.min_ns() == *std::ranges::min_element(values));
  CHECK(made.max_ns() == *std::ranges::max_element(values));
  for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto wanted = static_cast<double>(exact(values, share));
    CAPTURE(share);
    CHECK(std::abs(static_cast<double>(made.percentile_ns(share)) - wanted) <= allowed_error * wanted);
  }
}

} // namespace

TEST_CASE("histogram: percentiles of known distributions are right within half a percent") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(1, 5e6);
  std::exponential_distribution<double> exponential(1e-6);
  std::lognormal_distribution<double> spread(14, 3);
  for (const auto& draw : std::vector<std::function<double()>>{[&] { return uniform(random); },
                                                               [&] { return exponential(random); },
                                                               [&] { return spread(random); }}) {
    std::vector<std::int64_t> values(20'000);
    for (auto& value : values)
      value = std::min(static_cast<std::int64_t>(draw()), histogram::highest_ns);
    check_against_exact(values);
  }
}

TEST_CASE("histogram: small values are exact, and every power of two and its neighbours close") {
  for (std::int64_t value = 0; value < 256; ++value) {
    histogram made;
    made.add(value);
    made.add(value + 1'000'000); // so that min and max do not give it away
    made.add(0);
    CHECK(made.percentile_ns(0.6) == value);
  }
  for (int bit = 8; bit < 42; ++bit) {
    for (const std::int64_t near : {-1, 0, 1}) {
      const auto value = (std::int64_t{1} << bit) + near;
      histogram made;
      for (const std::int64_t each : {std::int64_t{0}, value, histogram::highest_ns})
        made.add(each);
      const auto error = std::abs(static_cast<double>(made.percentile_ns(0.5) - value));
      CHECK(error <= allowed_error * static_cast<double>(value));
    }
  }
}

TEST_CASE("histogram: merging two gives what one of all values gives") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  histogram left, right, all;
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<std::int64_t>(random() >> (24 + random() % 36));
    (random() % 3 == 0 ? left : right).add(value);
    all.add(value);
  }
  left.merge(right);
  CHECK(left.count() == all.count());
  CHECK(left.min_ns() == all.min_ns());
  CHECK(left.max_ns() == all.max_ns());
  CHECK(left.mean_ns() == doctest::Approx(all.mean_ns()));
  for (double share = 0; share <= 1; share += 0.01)
    CHECK(left.percentile_ns(share) == all.percentile_ns(share));
}

TEST_CASE("histogram: nothing, and what is beyond the bounds, have an answer") {
  histogram made;
  CHECK(made.percentile_ns(0.5) == 0);
  CHECK(made.min_ns() == 0);
  CHECK(made.mean_ns() == 0);
  made.add(-5);
  CHECK(made.max_ns() == 0);
  made.add(INT64_MAX);
  CHECK(made.max_ns() == histogram::highest_ns);
  CHECK(made.count() == 2);
  histogram empty;
  empty.merge(made);
  CHECK(empty.min_ns() == 0);
  CHECK(empty.max_ns() == histogram::highest_ns);
}
