// Counting what callers have at once.
#include "http/shares.hpp"
#include <doctest/doctest.h>
#include <vector>

using synclog::http::shares;
using outcome = shares::outcome;

namespace {

// What came of each of `tries`; those taken stay in `held`.
std::size_t take_many(shares& from, const std::string& caller, std::size_t tries,
                      std::vector<shares::share>& held) {
  std::size_t taken = 0;
  for (std::size_t one = 0; one < tries; ++one) {
    shares::share made;
    if (from.take(caller, made) != outcome::taken) continue;
    ++taken;
    held.push_back(std::move(made));
  }
  return taken;
}

} // namespace

TEST_CASE("shares: a caller has N, not N + 1 nor 100 N, and others have theirs") {
  shares of(1'000, 10);
  std::vector<shares::share> held;
  CHECK(take_many(of, "a", 10, held) == 10);
  shares::share more;
  CHECK(of.take("a", more) == outcome::full_for_caller);
  CHECK_FALSE(more);
  CHECK(take_many(of, "a", 1'000, held) == 0);
  CHECK(take_many(of, "b", 1'000, held) == 10);
  CHECK(of.refused() == 1 + 1'000 + 990);
}

TEST_CASE("shares: all callers together have a bound, nobody's included") {
  shares of(5, 3);
  std::vector<shares::share> held;
  CHECK(take_many(of, "", 100, held) == 5);
  shares::share more;
  CHECK(of.take("a", more) == outcome::full);
  held.pop_back();
  CHECK(of.take("a", more) == outcome::taken);
}

TEST_CASE("shares: what is given back may be taken again, once") {
  shares of(10, 1);
  shares::share first;
  REQUIRE(of.take("a", first) == outcome::taken);
  shares::share moved(std::move(first));
  first.give_back(); // of nothing
  shares::share second;
  CHECK(of.take("a", second) == outcome::full_for_caller);
  moved = {};
  CHECK(of.take("a", second) == outcome::taken);
  // Taking into what holds one already gives that one back first.
  CHECK(of.take("a", second) == outcome::taken);
}
