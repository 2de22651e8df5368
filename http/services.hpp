// What handlers work with: made by tools/serve, outlives the server.
#pragma once
#include "core/entity.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include "http/limits.hpp"
#include "projections/awaited_rebuilds.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"

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
