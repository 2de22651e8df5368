// What handlers work with: made by tools/serve, outlives the server.
#pragma once
#include "core/entity.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/awaited_rebuilds.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace synclog::http {

struct admin_services;
class answer_memory;
class metrics;
namespace auth {
class access_directory;
}
namespace streams {
class hub;
}
struct published_text;

struct limits {
  std::size_t max_body_bytes = 64u << 20;
  std::size_t max_bodies_bytes = 1u << 30; // of all requests being received or handled at once; over it 503
  std::size_t max_header_bytes = 16u << 10;
  std::size_t max_target_bytes = 8u << 10;
  std::size_t max_json_depth = 64;
  std::size_t max_bulk_items = 100'000;
  std::size_t max_connections = 10'000;
  std::size_t max_streams = 8'000;
  std::chrono::seconds request_deadline{30};
  std::chrono::seconds header_timeout{15};
  std::chrono::seconds idle_timeout{75};     // keep-alive
  std::chrono::seconds progress_timeout{30}; // body reads and response writes must move
  std::size_t event_page_max = 10'000;
  // Of a stream that is behind: what it takes from the feed or the log at once.
  eventstore::page_bounds catch_up{.max_events = 1'000, .max_bytes = 1u << 20};
  std::chrono::seconds slow_reader{60}; // a stream that is never near the head for so long is told `bye`
};

struct services {
  const core::catalog& entities;
  eventstore::committer& committer;
  eventstore::feed& feed;
  eventstore::log_reader& log;
  eventstore::pg::pool& reads;
  projections::record_reader& records;
  projections::search_index& texts;
  streams::hub& streams;
  http::limits limits;
  http::metrics* metrics = nullptr;         // what /metrics prints; null = only what the services count
  answer_memory* answers = nullptr;         // limited lists that have not changed; null = none are kept
  const published_text* asyncapi = nullptr; // what /asyncapi.json answers; null = not found
  const published_text* openapi = nullptr;  // the same of /openapi.json
  const projections::awaited_rebuilds* rebuilds = nullptr; // null: nobody rebuilds here
  admin_services* admin = nullptr;          // what /api/admin works with; null = those routes are not found
  auth::access_directory* access = nullptr; // who has been let in; null = nobody is asked (auth none)
};

} // namespace synclog::http
