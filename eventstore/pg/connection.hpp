// One libpq connection on Asio, always in pipeline mode. Any number of coroutines may run() segments at once: they are
// sent in the order of the calls, each behind its own Sync, and answered in that order. All work happens on the
// connection's strand; run() may be awaited from any executor and resumes on the caller's.
#pragma once
#include "eventstore/pg/types.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

namespace synclog::eventstore::pg {

class connection {
 public:
  // Throws `unavailable` when it cannot be reached or refuses, or `deadline_exceeded`.
  static boost::asio::awaitable<std::shared_ptr<connection>> open(boost::asio::any_io_executor executor, connect_options options,
                                                                 deadline until);
  ~connection();

  // Sends and awaits one segment. Server-side failures are values in the result; throws connection_lost or
  // deadline_exceeded. After a passed deadline the answer is still read and thrown away; the connection closes itself when
  // that takes longer than the hard bound. A call on a closed connection throws connection_lost at once (nothing was sent).
  boost::asio::awaitable<segment_result> run(segment work, deadline until);

  // As run(), but a failure throws query_failed.
  boost::asio::awaitable<segment_result> run_ok(segment work, deadline until);

  // Sends a segment now, without waiting for what was sent before; the returned awaitable collects its answer.
  // (run() is exactly this; batches in flight use the same path.)

  bool is_open() const;                 // any thread
  std::size_t in_flight() const;        // segments waiting for their answer; any thread
  int backend_pid() const;              // 0 when closed

  // NOTIFY messages arriving on this connection, on its strand. Set before LISTEN.
  void on_notify(std::function<void(std::string_view channel, std::string_view payload)> handler);
  // Called once on the strand when the connection has broken or was closed.
  void on_close(std::function<void()> handler);

  // Fails everything in flight with connection_lost and closes the socket. Any thread; idempotent.
  void close();

 private:
  struct impl;
  explicit connection(std::shared_ptr<impl> state);
  std::shared_ptr<impl> impl_;
};

}  // namespace synclog::eventstore::pg
