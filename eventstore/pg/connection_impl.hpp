// The inside of one connection: requests, and the pump that moves them through libpq. Everything here runs on
// the strand except what is marked "any thread". Shared by connection.cpp (the public face) and pump.cpp (the
// traffic).
#pragma once
#include "eventstore/pg/connecting.hpp"
#include "eventstore/pg/connection.hpp"
#include "eventstore/pg/pipeline.hpp"
#include "eventstore/pg/prepared_names.hpp"
#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/wait_traits.hpp>
#include <deque>
#include <functional>
#include <libpq-fe.h>
#include <mutex>

namespace synclog::eventstore::pg {

// A completion handler of no arguments, type-erased, move-only: posts it to its own executor, once.
// (Boost 1.81's any_completion_handler recurses for ever when assigned.)
class resumption {
 public:
  resumption() = default;
  template <class Handler>
  static resumption of(Handler handler) {
    resumption out;
    out.held_ = std::make_unique<model<Handler>>(std::move(handler));
    return out;
  }

  explicit operator bool() const { return held_ != nullptr; }
  void post() {
    const std::unique_ptr<base> held = std::move(held_);
    held->post();
  }

 private:
  struct base {
    virtual ~base() = default;
    virtual void post() = 0;
  };
  template <class Handler>
  struct model final : base {
    explicit model(Handler one)
        : handler(std::move(one)), work(boost::asio::get_associated_executor(handler)) {}
    void post() override { boost::asio::post(std::move(handler)); }
    Handler handler;
    // The caller's io_context must not run dry while it waits for us.
    boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work;
  };
  std::unique_ptr<base> held_;
};

// One segment on its way. Until `waiter` is posted only the strand touches it, after that only the waiting
// coroutine reads `result` and the rest; an answer that comes later is dropped.
struct request {
  enum class outcome : std::uint8_t { none, answered, refused, lost, expired };

  segment work;
  deadline until = deadline::max();
  std::size_t bytes = 0;
  bool give_back = false; // `work` is kept whole for the caller
  resumption waiter;
  outcome how = outcome::none;
  segment_result result;
  std::string reason;

  bool abandoned() const { return !waiter; }
  void drop_values();

  std::uint64_t names_made = 0; // prepared_names::made() when it had been sent
  bool repeatable = false;      // its parameters are still here
  bool stale = false;           // failed for a stale statement and is to be sent once more
  bool repeated = false;
  clock::time_point abandoned_at{};
  std::vector<std::string> deallocates; // housekeeping of the connection's own: nobody waits
};
using request_ptr = std::shared_ptr<request>;

struct result_cleared {
  void operator()(pg_result* result) const { PQclear(result); }
};
using result_handle = std::unique_ptr<pg_result, result_cleared>;

struct connection::impl : std::enable_shared_from_this<connection::impl> {
  using strand_type = boost::asio::strand<boost::asio::any_io_executor>;
  using descriptor_type = boost::asio::posix::basic_stream_descriptor<strand_type>;
  using timer_type = boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, strand_type>;

  impl(const boost::asio::any_io_executor& executor, connection_handle connected);

  // Any thread.
  static boost::asio::awaitable<segment_result> run(std::shared_ptr<impl> self, segment work, deadline until);
  static boost::asio::awaitable<segment_result> run_returning(std::shared_ptr<impl> self, segment& work,
                                                              deadline until);
  static boost::asio::awaitable<void> wait_for(std::shared_ptr<impl> self, request_ptr one);
  void submit(request_ptr one);
  void close();

  // pump.cpp
  void start();
  bool watch_socket();
  void tear_down(); // the io_context is going down: nobody is resumed
  void turn();
  void on_readable(const boost::system::error_code& error);
  void on_writable(const boost::system::error_code& error);
  void take_incoming();
  void send(const request_ptr& one);
  bool send_query(request& one, std::uint32_t index);
  void send_housekeeping();
  bool has_result();
  bool drain(int& budget);
  bool accept(result_handle result);
  void on_failed(request& front, const pg_result* result, std::uint32_t query_index);
  void on_finished();
  void note_all_sent();
  void leave(const request& one);
  void mend_housekeeping(const request& one);
  bool deliver_notifications();
  static void on_notice(void* self, const pg_result* notice);
  std::string libpq_message() const;

  // connection.cpp
  void finish(request& one, request::outcome how);
  void arm_deadline(deadline at);
  void check_deadlines();
  void shut(std::string reason);

  strand_type strand;
  connection_handle handle;
  descriptor_type descriptor; // a duplicate of libpq's socket, ours to close
  timer_type timer;
  deadline timer_due = deadline::max();

  pipeline machine;
  prepared_names names{max_prepared};
  std::deque<request_ptr> in_flight; // one for each Sync owed, in order
  std::vector<request_ptr> again;    // to be sent once more
  std::vector<request_ptr> taken;    // scratch of take_incoming
  std::vector<const char*> values;   // scratch of send_query
  bool reading = false;
  bool writing = false;
  std::size_t given_bytes = 0;       // to libpq, since the socket last took all
  bool housekeeping = false;         // one DEALLOCATE segment is in flight
  std::size_t housekeeping_from = 0; // evicted names that make the next one worthwhile
  bool sent_open_transaction = false;
  bool seen_open_transaction = false;
  std::size_t abandoned_in_flight = 0;
  clock::time_point last_progress{};
  std::string fatal_notice;
  std::function<void(const notification&)> notify_handler;
  std::function<void()> all_sent_handler;
  std::function<void()> close_handler;
  bool shut_done = false;

  std::mutex
      mutex; // over `incoming`, `turn_posted`, `closed`, `close_reason`, `bytes_in_flight`; never held long
  std::vector<request_ptr> incoming;
  bool turn_posted = false;
  bool closed = false;
  std::string close_reason;
  std::size_t bytes_in_flight = 0;

  std::atomic<bool> open{true};
  std::atomic<std::size_t> in_flight_count{0};
  std::atomic<int> pid{0};
  std::atomic<std::size_t> unsent_bytes{0};
};

failure failure_from(const pg_result* result, std::size_t query_index);

} // namespace synclog::eventstore::pg
