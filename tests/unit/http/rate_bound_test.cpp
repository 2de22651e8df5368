// The token bucket, with a clock of its own.
#include "http/rate_bound.hpp"
#include <doctest/doctest.h>
#include <random>
#include <string>

using synclog::http::rate_bound;
using namespace std::chrono_literals;
using clock_type = rate_bound::clock;

namespace {

constexpr auto zero = clock_type::duration::zero();
const clock_type::time_point start{std::chrono::hours(1)};

std::size_t take_ones(rate_bound& from, const char* caller, std::size_t tries, clock_type::time_point now) {
  std::size_t taken = 0;
  for (std::size_t one = 0; one < tries; ++one)
    taken += from.take(caller, 1, now) == zero ? 1 : 0;
  return taken;
}

} // namespace

TEST_CASE("rate: ten seconds' worth is there at the start, not one more, and it comes back as fast as it is "
          "allowed") {
  rate_bound of(100);
  CHECK(take_ones(of, "a", 100'000, start) == 1'000);
  CHECK(of.refused() == 99'000);
  CHECK(take_ones(of, "b", 1, start) == 1);
  CHECK(take_ones(of, "a", 1'000, start + 1s) == 100);
  CHECK(take_ones(of, "a", 100'000, start + 1h) == 1'000);
}

TEST_CASE("rate: who is refused is told when to come, and is not a moment too early then") {
  rate_bound of(4);
  REQUIRE(take_ones(of, "a", 100, start) == 40);
  const auto wait = of.take("a", 1, start);
  CHECK(wait == 250ms);
  CHECK(of.take("a", 1, start + wait - 1ms) == 1ms);
  CHECK(of.take("a", 1, start + wait) == zero);
}

TEST_CASE("rate: who takes much at once goes into debt for it, for an hour at most") {
  rate_bound of(10);
  CHECK(of.take("a", 1'000, start) == zero);
  CHECK(of.take("a", 1, start) == 90s + 100ms);
  CHECK(of.take("a", 1, start + 90s + 100ms) == zero);
  CHECK(of.take("b", std::size_t{1} << 60, start) == zero);
  CHECK(of.take("b", 1, start) == 1h - 10s + 100ms);
}

TEST_CASE("rate: no more than so many callers are remembered, however many come") {
  rate_bound of(1, 160);
  for (int caller = 0; caller < 16'000; ++caller)
    CHECK(of.take(std::to_string(caller), 1, start) == zero);
  CHECK(of.callers() <= 160);
  CHECK(of.callers() > 100);
}

TEST_CASE("rate: whoever keeps asking is not forgotten for the sake of strangers") {
  rate_bound of(1, 160);
  std::size_t taken = 0;
  for (int stranger = 0; stranger < 5'000; ++stranger) {
    taken += of.take("greedy", 1, start) == zero ? 1 : 0;
    (void)of.take(std::to_string(stranger), 1, start);
  }
  CHECK(taken == 10);
}

TEST_CASE("rate: without a bound, and for whoever has none, everything is taken") {
  rate_bound none(0);
  CHECK(take_ones(none, "a", 100'000, start) == 100'000);
  CHECK(none.callers() == 0);
  rate_bound some(1);
  CHECK(take_ones(some, "", 100'000, start) == 100'000);
  CHECK(some.callers() == 0);
}

TEST_CASE("rate: over any span nobody gets more than the span's worth and what was saved up") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr std::size_t a_second = 50;
  rate_bound of(a_second);
  auto now = start;
  std::size_t taken = 0;
  for (int step = 0; step < 20'000; ++step) {
    now += std::chrono::microseconds(random() % 20'000);
    taken += of.take("a", 1, now) == zero ? 1 : 0;
    const double seconds = std::chrono::duration<double>(now - start).count();
    REQUIRE(static_cast<double>(taken) <= a_second * (seconds + 10) + 1e-6);
  }
}

TEST_CASE("rate: a look takes nothing, and is refused like any other") {
  rate_bound of(100);
  for (int look = 0; look < 10'000; ++look)
    CHECK(of.take("a", 0, start) == zero);
  CHECK(of.take("a", 2'000, start) == zero);
  CHECK(of.take("a", 0, start) == 10s + 10ms);
}
