// What is counted as what.
#include "tools/load/record_ids.hpp"
#include "tools/load/tally.hpp"
#include <doctest/doctest.h>

using namespace synclog::tools::load;

TEST_CASE("tally: successes, refusals and failures are counted apart, and their latencies too") {
  tally one;
  one.add_answer(201, 1'000, 3);
  one.add_answer(304, 2'000, 0);
  one.add_answer(207, 50'000, 3); // some of a bulk were rejected
  one.add_answer(503, 60'000, 1);
  one.add_answer(503, 60'000, 1);
  one.add_answer(999, 60'000, 1);
  one.add_failure(failure::timeout);
  CHECK(one.succeeded() == 2);
  CHECK(one.records() == 3);
  CHECK(one.errors() == 5);
  CHECK(one.status_count(503) == 2);
  CHECK(one.status_count(207) == 1);
  CHECK(one.status_count(1'000) == 1); // any other
  CHECK(one.failures(failure::timeout) == 1);
  CHECK(one.failures(failure::reset) == 0);
  CHECK(one.latency().count() == 2);
  CHECK(one.latency().max_ns() == 2'000);
  tally sum;
  sum.add_answer(201, 5'000, 1);
  sum.late = 4;
  one.late = 1;
  sum.merge(one);
  CHECK(sum.succeeded() == 3);
  CHECK(sum.records() == 4);
  CHECK(sum.errors() == 5);
  CHECK(sum.late == 5);
  CHECK(sum.latency().max_ns() == 5'000);
}

TEST_CASE("tally: the first error is kept, without what a terminal would obey") {
  tally one;
  one.note_error("503: \x1b[31mbusy\r\nlater \xe2\x80\xae");
  one.note_error("another");
  CHECK(one.first_error() == "503: ?[31mbusy  later ???");
  tally other;
  other.note_error("other");
  other.merge(one);
  CHECK(other.first_error() == "other");
}

TEST_CASE("record ids: found in a list and in a page of one, and fit for a path") {
  const auto plain = ids_in(R"([{"id":"A"},{"id":7},{"name":"none"},{"id":"B/C d"},{"id":null}])");
  REQUIRE(plain.has_value());
  CHECK(*plain == std::vector<std::string>{"A", "7", "B%2FC%20d"});
  const auto page = ids_in(R"({"page":1,"items":[{"id":"x-1_2.3~"}],"others":[]})");
  REQUIRE(page.has_value());
  CHECK(*page == std::vector<std::string>{"x-1_2.3~"});
  CHECK_FALSE(ids_in("{}").has_value());
  CHECK_FALSE(ids_in("no JSON").has_value());
  CHECK(ids_in("[]")->empty());
}
