// Lines that may come in thousands.
#include "http/seldom.hpp"
#include <doctest/doctest.h>

using synclog::http::seldom;
using namespace std::chrono_literals;

TEST_CASE("seldom: the first at once, then one line an interval that counts what was held back") {
  const seldom::clock::time_point start{1h};
  seldom lines(10s);
  CHECK(lines.note(start) == 1);
  for (int i = 0; i < 99; ++i)
    CHECK_FALSE(lines.note(start + 9s));
  CHECK(lines.note(start + 10s) == 100);
  CHECK_FALSE(lines.note(start + 11s));
  CHECK(lines.note(start + 1h) == 2);
}
