// What the clock says against a server: acknowledgements that cannot be, and answers that come too late.
#include "fault/refusals.hpp"
#include <doctest/doctest.h>

namespace {

using namespace synclog::tests::fault;

operation one(std::int64_t sent_us, std::int64_t ended_us, int status) {
  operation made{"key", op_kind::create, "clients", 0, 1, {}};
  attempt told;
  told.sent_us = sent_us;
  told.ended_us = ended_us;
  told.answered_us = status == 0 ? 0 : ended_us;
  told.status = status;
  if (status == 503) told.code = "database_unavailable";
  made.attempts.push_back(told);
  return made;
}

const std::vector<dead_time> dead{{1'000'000, 5'000'000, "a frozen database"}};

} // namespace

TEST_CASE("refusals: what was sent and acknowledged while nothing could be committed is reported") {
  CHECK(check_refusals({one(1'500'000, 2'000'000, 201)}, dead).size() == 1);
}

TEST_CASE("refusals: what was under way before, or answered after, or refused, is not") {
  CHECK(check_refusals({one(900'000, 1'100'000, 201)}, dead).empty());
  CHECK(check_refusals({one(1'500'000, 5'100'000, 201)}, dead).empty());
  CHECK(check_refusals({one(1'500'000, 2'000'000, 503)}, dead).empty());
  CHECK(check_refusals({one(6'000'000, 6'100'000, 201)}, dead).empty());
}

TEST_CASE("refusals: who waits longer than the deadline, for an answer or for none, is reported") {
  CHECK(check_refusals({one(0, 34'000'000, 503)}, {}).size() == 1);
  CHECK(check_refusals({one(0, 34'000'000, 0)}, {}).size() == 1);
  CHECK(check_refusals({one(0, 31'000'000, 503)}, {}).empty());
}
