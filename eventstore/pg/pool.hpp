// A bounded set of pipelined connections to one database. Requests share connections: a segment goes to the
// open one with the least in flight. Broken connections are replaced with back-off; requests wait while none
// is open.
#pragma once
#include "eventstore/pg/connection.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

namespace synclog::eventstore::pg {

struct pool_options {
  std::size_t connections = 4;
  std::size_t max_in_flight_each = 256; // over it on every connection: unavailable("pool exhausted")
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{2'000};
};

class pool {
 public:
  pool(boost::asio::any_io_executor executor, connect_options connect, pool_options options);
  ~pool();

  // Waits, up to the deadline, while no connection is open (the database is restarting). Throws unavailable,
  // connection_lost or deadline_exceeded; std::logic_error for explicit transactions, which would leak into
  // neighbours.
  boost::asio::awaitable<segment_result> run(segment work, deadline until);
  // For idempotent segments: repeats once on another connection after connection_lost; a failure throws
  // query_failed.
  boost::asio::awaitable<segment_result> run_read(segment work, deadline until);

  struct statistics {
    std::size_t open = 0;
    std::size_t in_flight = 0;
    std::uint64_t reconnects = 0;
  };
  statistics stats() const; // any thread

  // The keepers that hold the connections open run as owned coroutines; stop() ends them and closes all
  // connections.
  boost::asio::awaitable<void> stop();

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::eventstore::pg
