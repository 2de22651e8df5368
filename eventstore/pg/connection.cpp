// The public face: open, run and wait, deadlines, closing. The traffic itself is in pump.cpp.
#include "eventstore/pg/connection.hpp"
#include "eventstore/pg/connection_impl.hpp"
#include "eventstore/pg/durable_commits.hpp"
#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_parameters = 65'535; // of the protocol: a 16-bit count

// Throws std::length_error for what libpq would refuse half-way, when it is too late.
std::size_t checked_bytes(const segment& work) {
  std::size_t bytes = 0;
  for (const query& one : work.queries()) {
    if (one.values.size() > max_parameters) throw std::length_error("over 65,535 parameters in one query");
    bytes += one.values.bytes();
  }
  if (bytes > connection::max_segment_bytes)
    throw std::length_error("the segment's parameters are too large");
  return bytes;
}

// What every session starts with, in one statement. Text output that we parse must not depend on the server's
// defaults.
segment session_settings(const connect_options& options) {
  const std::string timeout = std::to_string(options.statement_timeout.count());
  std::string sql =
      "SELECT set_config('statement_timeout', $1, false),"
      " set_config('idle_in_transaction_session_timeout', '60s', false),"
      " set_config('DateStyle', 'ISO, YMD', false), set_config('TimeZone', 'UTC', false),"
      " set_config('standard_conforming_strings', 'on', false), set_config('bytea_output', 'hex', false),"
      " set_config('extra_float_digits', '1', false), set_config('client_min_messages', 'warning', false),"
      " set_config('default_transaction_isolation', 'read committed', false), set_config('jit', 'off', "
      "false), ";
  sql += durable_commits;
  params values;
  values.text(timeout);
  if (!options.role.empty()) {
    sql += ", set_config('role', $2, false)";
    values.text(options.role);
  }
  if (options.read_only) sql += ", set_config('default_transaction_read_only', 'on', false)";
  segment out;
  out.add_sql(std::move(sql), std::move(values));
  return out;
}

} // namespace

connection::impl::impl(const asio::any_io_executor& executor, connection_handle connected)
    : strand(asio::make_strand(executor)), handle(std::move(connected)), descriptor(strand), timer(strand) {}

asio::awaitable<void> connection::impl::wait_for(std::shared_ptr<impl> self, request_ptr one) {
  auto initiation = [](auto handler, std::shared_ptr<impl> owner, request_ptr work) {
    work->waiter = resumption::of(std::move(handler));
    owner->submit(std::move(work));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiation, asio::use_awaitable,
                                                                       std::move(self), std::move(one));
}

namespace {

segment_result result_of(request& one) {
  switch (one.how) {
  case request::outcome::answered:
    return std::move(one.result);
  case request::outcome::refused:
    throw unavailable(one.reason);
  case request::outcome::expired:
    throw deadline_exceeded("the database did not answer in time");
  case request::outcome::lost:
  case request::outcome::none:
    break;
  }
  throw connection_lost("connection to the database lost: " + one.reason);
}

} // namespace

asio::awaitable<segment_result> connection::impl::run(std::shared_ptr<impl> self, segment work,
                                                      deadline until) {
  auto one = std::make_shared<request>();
  one->bytes = checked_bytes(work);
  one->work = std::move(work);
  one->until = until;
  co_await wait_for(std::move(self), one);
  co_return result_of(*one);
}

asio::awaitable<segment_result> connection::impl::run_returning(std::shared_ptr<impl> self, segment& work,
                                                                deadline until) {
  auto one = std::make_shared<request>();
  one->bytes = checked_bytes(work);
  one->work = std::move(work);
  one->until = until;
  one->give_back = true;
  co_await wait_for(std::move(self), one);
  if (one->how == request::outcome::lost) work = std::move(one->work);
  co_return result_of(*one);
}

// Any thread. Calls that come while a turn is due join it, so that they are sent together.
void connection::impl::submit(request_ptr one) {
  bool post_turn = false;
  {
    const std::lock_guard guard(mutex);
    const bool full = in_flight_count >= max_in_flight || bytes_in_flight + one->bytes > max_bytes_in_flight;
    if (closed) {
      one->how = request::outcome::lost;
      one->reason = close_reason;
    } else if (full) {
      one->how = request::outcome::refused;
      one->reason = "too much in flight on one database connection";
    } else {
      ++in_flight_count;
      bytes_in_flight += one->bytes;
      unsent_bytes += one->bytes;
      incoming.push_back(one);
      post_turn = !turn_posted;
      turn_posted = true;
      one = nullptr;
    }
  }
  if (one) {
    one->waiter.post();
    return;
  }
  if (!post_turn) return;
  auto run_turn = [self = shared_from_this()] { self->turn(); };
  asio::post(strand, std::move(run_turn));
}

void request::drop_values() {
  for (query& one : work.queries()) {
    one.values = {};
    one.sql = {};
  }
}

void connection::impl::finish(request& one, request::outcome how) {
  if (one.abandoned()) return;
  one.how = how;
  one.waiter.post();
}

// One timer a connection, set for the earliest deadline; when it comes late for requests answered meanwhile,
// nothing happens but a look at the rest.
void connection::impl::arm_deadline(deadline at) {
  if (at >= timer_due) return;
  timer_due = at;
  timer.expires_at(at);
  auto due = [self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->check_deadlines();
  };
  timer.async_wait(std::move(due));
}

void connection::impl::check_deadlines() {
  if (!handle) return;
  timer_due = deadline::max();
  const auto now = clock::now();
  deadline next = deadline::max();
  for (const request_ptr& one : in_flight) {
    if (one->abandoned()) continue;
    if (one->until > now) {
      next = std::min(next, one->until);
      continue;
    }
    one->abandoned_at = now;
    one->result = {};
    one->drop_values();
    ++abandoned_in_flight;
    finish(*one, request::outcome::expired);
  }
  // Only an abandoned request in front proves that the server is stuck: a younger one may wait behind a long
  // query that is within its own deadline.
  if (abandoned_in_flight > 0) {
    const request& front = *in_flight.front();
    const deadline bound =
        front.abandoned() ? std::max(front.abandoned_at, last_progress) + hard_bound : now + hard_bound;
    if (bound <= now) {
      shut("no answer long after the deadline");
      return;
    }
    next = std::min(next, bound);
  }
  if (next != deadline::max()) arm_deadline(next);
}

void connection::impl::shut(std::string reason) {
  if (!handle) return;
  std::vector<request_ptr> unsent;
  {
    const std::lock_guard guard(mutex);
    closed = true;
    close_reason = reason;
    unsent.swap(incoming);
    bytes_in_flight = 0;
  }
  open = false;
  pid = 0;
  timer.cancel();
  if (descriptor.is_open()) {
    boost::system::error_code ignored;
    descriptor.close(ignored);
  }
  handle.reset();
  std::deque<request_ptr> sent;
  sent.swap(in_flight);
  unsent.insert(unsent.begin(), sent.begin(), sent.end());
  unsent.insert(unsent.end(), again.begin(), again.end());
  again.clear();
  in_flight_count = 0;
  for (const request_ptr& one : unsent) {
    if (one->abandoned()) continue;
    one->reason = reason;
    finish(*one, request::outcome::lost);
  }
  shut_done = true;
  notify_handler = nullptr;
  all_sent_handler = nullptr;
  given_bytes = 0;
  unsent_bytes = 0;
  if (const auto handler = std::exchange(close_handler, nullptr)) handler();
}

// Any thread.
void connection::impl::close() {
  open = false;
  {
    const std::lock_guard guard(mutex);
    if (closed) return;
    closed = true;
    close_reason = "it was closed";
  }
  auto run_shut = [self = shared_from_this()] { self->shut("it was closed"); };
  asio::post(strand, std::move(run_shut));
}

connection::connection(std::shared_ptr<impl> state) : impl_(std::move(state)) {}

connection::~connection() {
  impl_->close();
}

asio::awaitable<std::shared_ptr<connection>> connection::open(asio::any_io_executor executor,
                                                              connect_options options, deadline until,
                                                              std::stop_token stop) {
  const deadline limit = std::min(until, clock::now() + options.connect_timeout);
  connection_handle handle = co_await connect(executor, options, limit, stop);
  if (PQenterPipelineMode(handle.get()) != 1) throw unavailable("libpq refuses pipeline mode");
  auto state = std::make_shared<impl>(executor, std::move(handle));
  const std::shared_ptr<connection> out(new connection(state));
  state->start();
  const auto close_it = [weak = std::weak_ptr<impl>(state)] {
    if (const auto still = weak.lock()) still->close();
  };
  const std::stop_callback on_stop(stop, close_it);
  segment settings = session_settings(options);
  const segment_result answer = co_await impl::run(state, std::move(settings), limit);
  if (answer.failed) {
    throw unavailable("the database refuses the session: " + answer.failed->sqlstate + " " +
                      answer.failed->message);
  }
  co_return out;
}

// Not coroutines themselves: the connection may go before the returned awaitable starts.
asio::awaitable<segment_result> connection::run(segment work, deadline until) {
  return impl::run(impl_, std::move(work), until);
}

asio::awaitable<segment_result> connection::run_returning(segment& work, deadline until) {
  return impl::run_returning(impl_, work, until);
}

namespace {

asio::awaitable<segment_result> failure_thrown(asio::awaitable<segment_result> running) {
  segment_result out = co_await std::move(running);
  if (out.failed) throw query_failed(std::move(*out.failed));
  co_return out;
}

} // namespace

asio::awaitable<segment_result> connection::run_ok(segment work, deadline until) {
  return failure_thrown(impl::run(impl_, std::move(work), until));
}

bool connection::is_open() const {
  return impl_->open;
}
std::size_t connection::in_flight() const {
  return impl_->in_flight_count;
}
std::size_t connection::unsent_bytes() const {
  return impl_->unsent_bytes;
}
int connection::backend_pid() const {
  return impl_->open ? impl_->pid.load() : 0;
}
void connection::close() {
  impl_->close();
}

void connection::on_notify(std::function<void(const notification&)> handler) {
  auto set = [self = impl_, one = std::move(handler)]() mutable {
    if (!self->shut_done) self->notify_handler = std::move(one);
  };
  asio::post(impl_->strand, std::move(set));
}

void connection::on_all_sent(std::function<void()> handler) {
  auto set = [self = impl_, one = std::move(handler)]() mutable {
    if (!self->shut_done) self->all_sent_handler = std::move(one);
  };
  asio::post(impl_->strand, std::move(set));
}

void connection::on_close(std::function<void()> handler) {
  auto set = [self = impl_, one = std::move(handler)]() mutable {
    if (self->shut_done) {
      one();
    } else {
      self->close_handler = std::move(one);
    }
  };
  asio::post(impl_->strand, std::move(set));
}

} // namespace synclog::eventstore::pg
