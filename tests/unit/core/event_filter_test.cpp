// The stream filter, in memory.
#include "core/event_filter.hpp"

#include <doctest/doctest.h>

using namespace synclog::core;

TEST_CASE("event filter: names are all of, values are any of") {
  event_filter filter;
  filter.resources = {"clients", "visits"};
  filter.actions = {"created"};
  CHECK(apply(filter, {"clients", "1", event_action::created, "", "", false}) == filter_verdict::show);
  CHECK(apply(filter, {"clients", "1", event_action::updated, "", "", false}) == filter_verdict::hide);
  CHECK(apply(filter, {"campaigns", "1", event_action::created, "", "", false}) == filter_verdict::hide);
}

TEST_CASE("event filter: a branch matches before or after a move") {
  event_filter filter;
  filter.branches = {"north"};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "north", true}) ==
        filter_verdict::show);
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "", false}) == filter_verdict::hide);
}

TEST_CASE("event filter: a record that leaves the caller's branches arrives as deleted") {
  event_filter filter;
  filter.caller = {"desk", role::viewer, false, {"north"}};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "north", true}) ==
        filter_verdict::show_as_left);
  CHECK(apply(filter, {"clients", "1", event_action::updated, "north", "south", true}) ==
        filter_verdict::show);
  CHECK(apply(filter, {"clients", "1", event_action::created, "", "", false}) == filter_verdict::hide);
  filter.actions = {"updated"};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "north", true}) ==
        filter_verdict::hide);
}
