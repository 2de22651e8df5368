// The connect phase of libpq on helper threads, because it may resolve names and read files (passwords,
// certificates, Kerberos caches). The socket meets Asio only when the connection stands.
#pragma once
#include "eventstore/pg/types.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <stop_token>

struct pg_conn; // PGconn, of libpq

namespace synclog::eventstore::pg {

struct finish_connection {
  void operator()(pg_conn* connection) const;
};
using connection_handle = std::unique_ptr<pg_conn, finish_connection>;

// An established, non-blocking connection without session settings. Runs on a strand of `executor`, which it
// makes. Throws `unavailable` when it is refused or stopped, deadline_exceeded when `until` passes first;
// what is still under way then is closed by its helper thread.
boost::asio::awaitable<connection_handle>
connect(boost::asio::any_io_executor executor, connect_options options, deadline until, std::stop_token stop);

} // namespace synclog::eventstore::pg
