// What the routes below /api/admin work with beside the services of every route, and what /readyz and
// /metrics tell those who run the server. Made by tools/serve, outlives the server.
#pragma once
#include "core/checkpoint.hpp"
#include "eventstore/pg/pool.hpp"
#include "http/overview.hpp"
#include "http/verify_desk.hpp"
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <string>

namespace synclog::http {

class log_watch;

struct admin_services {
  std::string conninfo; // checkpoints are read by connections of their own, as the command line does
  std::optional<core::private_key> checkpoint_key; // signs; none: this server signs nothing
  verify_desk verify;
  http::overview overview{};
  std::atomic<bool> undoing{false};     // one undo at a time
  boost::asio::thread_pool blocking{1}; // for what waits without a coroutine; short
  std::atomic<int> checkpoints{0};      // made or checked at the moment, or waiting for that
  // For changes of tokens, sessions and tickets, which may wait for a lock: reads do not wait behind them.
  // Null: the pool of the reads.
  eventstore::pg::pool* access_writes = nullptr;
  const log_watch* watch =
      nullptr; // what the database's settings and rights make of the log; null: nobody looks
};

} // namespace synclog::http
