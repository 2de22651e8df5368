// One libpq connection on Asio, always in pipeline mode. Any number of coroutines may run() segments at once:
// they are sent in the order of the calls, each behind its own Sync, and answered in that order. All work
// happens on the connection's strand; run() may be awaited from any executor and resumes on the caller's.
#pragma once
#include "eventstore/pg/types.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace synclog::eventstore::pg {

// A NOTIFY as it arrived; valid during the call.
struct notification {
  std::string_view channel, payload;
  int backend_pid = 0; // who sent it
};

class connection {
 public:
  // Throws `unavailable` when it cannot be reached or refuses, is stopped, or `deadline_exceeded`. `executor`
  // must outlive the connection.
  static boost::asio::awaitable<std::shared_ptr<connection>> open(boost::asio::any_io_executor executor,
                                                                  connect_options options, deadline until,
                                                                  std::stop_token stop = {});
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  // Sends and awaits one segment. Server-side failures are values in the result; throws connection_lost or
  // deadline_exceeded. After a passed deadline the answer is still read and thrown away; the connection
  // closes itself when that takes longer than the hard bound. A call on a closed connection throws
  // connection_lost at once (nothing was sent). Over max_in_flight segments or max_bytes_in_flight of
  // parameters: unavailable. A segment that cannot be sent at all (over 65,535 parameters or
  // max_segment_bytes): std::length_error. A segment that failed because a prepared statement had become
  // stale is repeated once, unless it is part of an explicit transaction.
  boost::asio::awaitable<segment_result> run(segment work, deadline until);

  // As run(), but gives `work` back when it throws connection_lost, for a try elsewhere. `work` must stay
  // until then.
  boost::asio::awaitable<segment_result> run_returning(segment& work, deadline until);

  // As run(), but a failure throws query_failed.
  boost::asio::awaitable<segment_result> run_ok(segment work, deadline until);

  // Sends a segment now, without waiting for what was sent before; the returned awaitable collects its
  // answer. (run() is exactly this; batches in flight use the same path.)

  bool is_open() const;          // any thread
  std::size_t in_flight() const; // segments waiting for their answer; any thread
  int backend_pid() const;       // 0 when closed
  // Of parameters, as long as the socket has not taken all of them; any thread.
  std::size_t unsent_bytes() const;

  static constexpr std::size_t max_in_flight = 65'536;
  static constexpr std::size_t max_bytes_in_flight = 1'000'000'000;
  static constexpr std::size_t max_segment_bytes = 512'000'000;
  static constexpr std::size_t max_prepared = 256;
  static constexpr std::chrono::seconds hard_bound{5};

  // NOTIFY messages arriving on this connection, on its strand. Set before LISTEN.
  void on_notify(std::function<void(const notification&)> handler);
  // Called on the strand when unsent_bytes() has come down to nothing, or to what was handed over meanwhile:
  // not for segments without parameters, nor when the connection breaks.
  void on_all_sent(std::function<void()> handler);
  // Called once on the strand when the connection has broken or was closed; also when that was before this
  // call.
  void on_close(std::function<void()> handler);

  // Fails everything in flight with connection_lost and closes the socket. Any thread; idempotent.
  void close();

  struct impl; // of the wrapper's own files

 private:
  explicit connection(std::shared_ptr<impl> state);
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::eventstore::pg
