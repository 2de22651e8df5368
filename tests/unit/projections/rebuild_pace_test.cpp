// How long a gentle rebuild rests.
#include "projections/rebuild_pace.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using milliseconds = std::chrono::duration<double, std::milli>;

namespace {

double rest_ms(double took_ms, std::size_t bytes = 0) {
  return milliseconds(projections::rest_after(milliseconds(took_ms), bytes)).count();
}

} // namespace

TEST_CASE("rebuild pace: twice the page, longer the slower it was, half a second at most") {
  CHECK(rest_ms(2) == doctest::Approx(4));
  CHECK(rest_ms(5) == doctest::Approx(10));
  CHECK(rest_ms(10) == doctest::Approx(40));
  CHECK(rest_ms(24.5) > 230);
  CHECK(rest_ms(100) == doctest::Approx(500));
  CHECK(rest_ms(60'000) == doctest::Approx(500));
}

TEST_CASE("rebuild pace: a page is slow for its bytes, not because a record is large") {
  projections::rebuild_options gentle;
  gentle.pace = projections::gentle_pace;
  const std::size_t page = projections::page_bytes_of(gentle);
  CHECK(rest_ms(10, page) == doctest::Approx(40));
  CHECK(rest_ms(60, 32 * page) == doctest::Approx(120));
  CHECK(rest_ms(60, page / 2) == doctest::Approx(500));
}
