// Who did what: events found by actor, request, branch and entity, the newest first. No index serves these,
// so a search walks back over stretches of positions, within bounds. Thread-safe: all state is in the pool.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/pool.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

// All that is given must hold; "" = any.
struct event_search {
  std::string actor;
  std::string request_id;
  std::string branch; // before or after the change
  std::string entity;
  core::position from{1};
};

// An event without its data.
struct found_event {
  core::cursor at;
  core::timestamp recorded_at;
  std::string entity, record_id;
  std::string action;
  std::int64_t version = 0;
  std::string branch;                         // "" = none
  std::optional<std::string> previous_branch; // only where the branch changed
  std::string actor, request_id, user_agent;  // "" = the event does not say
};

struct found_events {
  std::vector<found_event> events; // descending
  // Every position from here up to where the search began has been looked at. The search is over when it is
  // search.from; else it goes on below.
  core::position looked_down_to;
};

struct search_bounds {
  std::size_t max_events = 100;
  std::int64_t max_positions = 1'000'000; // looked at
  pg::deadline stop;                      // no further stretch is begun behind it
};

// From `upto` downwards until `max_events` are found or a bound is reached. Each stretch is one short
// statement. Throws pg::unavailable and its kin.
boost::asio::awaitable<found_events> search_events(pg::pool& reads, event_search search, core::position upto,
                                                   search_bounds bounds, pg::deadline until);

} // namespace synclog::eventstore
