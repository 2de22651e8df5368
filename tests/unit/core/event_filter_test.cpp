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
        filter_verdict::show_as_entered);
  CHECK(apply(filter, {"clients", "1", event_action::updated, "north", "", true}) ==
        filter_verdict::show_as_entered);
  CHECK(apply(filter, {"clients", "1", event_action::created, "", "", false}) == filter_verdict::hide);
  filter.actions = {"updated"};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "north", true}) ==
        filter_verdict::hide);
}

TEST_CASE("event filter: who asks for a branch that is not theirs learns of no move to or from it") {
  event_filter filter;
  filter.caller = {"desk", role::viewer, false, {"north"}};
  filter.branches = {"south"};
  for (const auto action : {event_action::created, event_action::updated, event_action::deleted}) {
    CHECK(apply(filter, {"clients", "1", action, "south", "north", true}) == filter_verdict::hide);
    CHECK(apply(filter, {"clients", "1", action, "north", "south", true}) == filter_verdict::hide);
    CHECK(apply(filter, {"clients", "1", action, "south", "", false}) == filter_verdict::hide);
  }
  filter.branches = {"south", "north"};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "south", "north", true}) ==
        filter_verdict::show_as_left);
  filter.caller.branches = {"north", "south"};
  filter.branches = {"south"};
  CHECK(apply(filter, {"clients", "1", event_action::updated, "north", "south", true}) ==
        filter_verdict::show);
}

TEST_CASE("event filter: what becomes of tokens is for auditors and admins") {
  const event_keys made{"admin/tokens", "TOK-1", event_action::created, "", "", false};
  for (const auto as : {role::viewer, role::editor, role::auditor, role::admin}) {
    event_filter filter;
    filter.caller = {"a", as, true, {}};
    const bool sees = as == role::auditor || as == role::admin;
    CHECK((apply(filter, made) == filter_verdict::show) == sees);
    // An events page that may pass all of the log by must not pass these.
    CHECK(filter.passes_everything() == sees);
    filter.resources = {"admin/tokens"};
    CHECK((apply(filter, made) == filter_verdict::show) == sees);
  }
}
