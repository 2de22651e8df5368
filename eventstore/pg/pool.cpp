// Keepers on the pool's strand hold the connections open; run() picks one under a short mutex, from any
// thread.
#include "eventstore/pg/pool.hpp"
#include "eventstore/pg/backoff.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <mutex>
#include <spdlog/spdlog.h>
#include <stop_token>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

struct pool::impl : std::enable_shared_from_this<pool::impl> {
  using self_ptr = std::shared_ptr<impl>;

  impl(asio::any_io_executor one, connect_options where, pool_options how);

  struct choice {
    std::shared_ptr<connection> chosen; // empty: all saturated, or none open
    bool any_open = false;
    bool stopped = false;
  };
  choice choose();
  std::string why_down();

  static asio::awaitable<segment_result> run(self_ptr self, segment work, deadline until);
  static asio::awaitable<segment_result> run_read(self_ptr self, segment work, deadline until);
  static asio::awaitable<std::shared_ptr<connection>> take(self_ptr self, deadline until);
  static asio::awaitable<void> wait_until_open(self_ptr self, deadline until);

  // On the strand.
  static asio::awaitable<void> keep(self_ptr self, std::size_t slot);
  static asio::awaitable<void> hold(self_ptr self, std::size_t slot, std::shared_ptr<connection> opened);
  static asio::awaitable<void> stop(self_ptr self);
  void start();
  void begin_stop();
  void publish(std::size_t slot, std::shared_ptr<connection> opened);
  void withdraw(std::size_t slot, std::string reason);

  asio::any_io_executor executor;
  asio::strand<asio::any_io_executor> strand;
  connect_options connect;
  pool_options options;

  std::stop_source stopping;
  std::vector<asio::steady_timer> signals; // one a keeper: its pause, or the end of its connection
  std::list<asio::steady_timer> waiters;   // run() calls while nothing is open
  std::list<asio::steady_timer> stop_waiters;
  std::size_t keepers = 0;
  bool told_down = false;

  mutable std::mutex mutex; // over what follows
  std::vector<std::shared_ptr<connection>> slots;
  std::size_t next_slot = 0;
  bool stopped = false;
  std::string last_error = "it has not been reached yet";

  std::atomic<std::uint64_t> reconnects{0};
};

pool::impl::impl(asio::any_io_executor one, connect_options where, pool_options how)
    : executor(std::move(one)), strand(asio::make_strand(executor)), connect(std::move(where)), options(how) {
  options.connections = std::max<std::size_t>(options.connections, 1);
  slots.resize(options.connections);
  for (std::size_t i = 0; i < options.connections; ++i)
    signals.emplace_back(strand);
}

// The open connection with the least in flight; ties go round.
pool::impl::choice pool::impl::choose() {
  const std::lock_guard guard(mutex);
  choice out;
  out.stopped = stopped;
  std::size_t least = options.max_in_flight_each;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& one = slots[(next_slot + i) % slots.size()];
    if (!one || !one->is_open()) continue;
    out.any_open = true;
    const std::size_t load = one->in_flight();
    if (load >= least) continue;
    least = load;
    out.chosen = one;
  }
  next_slot = (next_slot + 1) % slots.size();
  return out;
}

std::string pool::impl::why_down() {
  const std::lock_guard guard(mutex);
  return last_error;
}

asio::awaitable<std::shared_ptr<connection>> pool::impl::take(self_ptr self, deadline until) {
  for (;;) {
    choice found = self->choose();
    if (found.stopped) throw unavailable("the connection pool is stopped");
    if (found.chosen) co_return std::move(found.chosen);
    if (found.any_open) throw unavailable("pool exhausted");
    if (clock::now() >= until) throw unavailable("no database connection: " + self->why_down());
    auto waiting = wait_until_open(self, until);
    co_await asio::co_spawn(self->strand, std::move(waiting), asio::use_awaitable);
  }
}

asio::awaitable<void> pool::impl::wait_until_open(self_ptr self, deadline until) {
  if (self->waiters.size() >= self->options.connections * self->options.max_in_flight_each) {
    throw unavailable("pool exhausted");
  }
  // publish() and begin_stop() happen on this strand: what is not there now will cancel the timer.
  const choice found = self->choose();
  if (found.any_open || found.stopped) co_return;
  const auto timer = self->waiters.emplace(self->waiters.end(), self->strand, until);
  co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  self->waiters.erase(timer);
}

namespace {

// Transactions that outlive their segment would leak into the neighbours that share the connection.
void refuse_transactions(const segment& work) {
  if (work.explicit_transaction())
    throw std::logic_error("explicit transactions need a connection of their own");
}

} // namespace

asio::awaitable<segment_result> pool::impl::run(self_ptr self, segment work, deadline until) {
  refuse_transactions(work);
  const std::shared_ptr<connection> one = co_await take(std::move(self), until);
  co_return co_await one->run(std::move(work), until);
}

asio::awaitable<segment_result> pool::impl::run_read(self_ptr self, segment work, deadline until) {
  refuse_transactions(work);
  segment_result out;
  bool lost = false;
  try {
    const std::shared_ptr<connection> one = co_await take(self, until);
    out = co_await one->run_returning(work, until);
  } catch (const connection_lost&) {
    lost = true;
  }
  if (lost) {
    // What broke one connection has mostly broken all, and the others may need a moment to notice.
    asio::steady_timer pause(co_await asio::this_coro::executor,
                             std::min(until, clock::now() + self->options.backoff_min));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    const std::shared_ptr<connection> another = co_await take(self, until);
    out = co_await another->run(std::move(work), until);
  }
  if (out.failed) throw query_failed(std::move(*out.failed));
  co_return out;
}

void pool::impl::start() {
  for (std::size_t slot = 0; slot < options.connections; ++slot) {
    ++keepers;
    auto ended = [self = shared_from_this()](std::exception_ptr error) {
      if (error) std::rethrow_exception(error); // nothing is expected: a bug, not an outage
      if (--self->keepers > 0) return;
      for (asio::steady_timer& one : self->stop_waiters)
        one.cancel();
    };
    auto keeping = keep(shared_from_this(), slot);
    asio::co_spawn(strand, std::move(keeping), std::move(ended));
  }
}

asio::awaitable<void> pool::impl::keep(self_ptr self, std::size_t slot) {
  backoff pause(self->options.backoff_min, self->options.backoff_max);
  const std::stop_token stop = self->stopping.get_token();
  while (!stop.stop_requested()) {
    std::shared_ptr<connection> opened;
    std::string error;
    try {
      const deadline until = clock::now() + self->connect.connect_timeout;
      opened = co_await connection::open(self->executor, self->connect, until, stop);
    } catch (const std::exception& problem) {
      error = problem.what();
    }
    if (opened) {
      const auto since = clock::now();
      co_await hold(self, slot, std::move(opened));
      if (clock::now() - since > self->options.backoff_max) pause.reset();
      error = "the connection was lost";
    }
    self->withdraw(slot, std::move(error));
    if (stop.stop_requested()) break;
    ++self->reconnects;
    self->signals[slot].expires_after(pause.next());
    co_await self->signals[slot].async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

// Returns when the connection has closed.
asio::awaitable<void> pool::impl::hold(self_ptr self, std::size_t slot, std::shared_ptr<connection> opened) {
  const auto closed = std::make_shared<bool>(false);
  // Weak: the pool holds the connection, which holds this.
  auto on_strand = [weak = std::weak_ptr<impl>(self), slot, closed] {
    *closed = true;
    if (const auto still = weak.lock()) still->signals[slot].cancel();
  };
  auto on_close = [strand = self->strand, on_strand] { asio::post(strand, on_strand); };
  opened->on_close(std::move(on_close));
  if (self->stopping.stop_requested()) {
    opened->close();
  } else {
    self->publish(slot, opened);
  }
  opened.reset();
  while (!*closed) {
    self->signals[slot].expires_at(deadline::max());
    co_await self->signals[slot].async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void pool::impl::publish(std::size_t slot, std::shared_ptr<connection> opened) {
  {
    const std::lock_guard guard(mutex);
    slots[slot] = std::move(opened);
  }
  for (asio::steady_timer& one : waiters)
    one.cancel();
  if (told_down) spdlog::info("the database is back");
  told_down = false;
}

void pool::impl::withdraw(std::size_t slot, std::string reason) {
  std::shared_ptr<connection> old; // destroyed outside the lock
  bool all_closed = true;
  {
    const std::lock_guard guard(mutex);
    old = std::move(slots[slot]);
    slots[slot] = nullptr;
    last_error = reason;
    for (const auto& one : slots)
      all_closed = all_closed && !(one && one->is_open());
  }
  if (!all_closed || told_down || stopping.stop_requested()) return;
  told_down = true;
  spdlog::warn("no database connection: {}", reason);
}

void pool::impl::begin_stop() {
  std::vector<std::shared_ptr<connection>> open;
  {
    const std::lock_guard guard(mutex);
    stopped = true;
    open = slots;
  }
  stopping.request_stop();
  for (const auto& one : open) {
    if (one) one->close();
  }
  for (asio::steady_timer& one : signals)
    one.cancel();
  for (asio::steady_timer& one : waiters)
    one.cancel();
}

asio::awaitable<void> pool::impl::stop(self_ptr self) {
  self->begin_stop();
  const auto timer = self->stop_waiters.emplace(self->stop_waiters.end(), self->strand, deadline::max());
  while (self->keepers > 0)
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  self->stop_waiters.erase(timer);
}

pool::pool(asio::any_io_executor executor, connect_options connect, pool_options options)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(connect), options)) {
  impl_->start();
}

pool::~pool() {
  auto stop_it = [self = impl_] { self->begin_stop(); };
  asio::post(impl_->strand, std::move(stop_it));
}

asio::awaitable<segment_result> pool::run(segment work, deadline until) {
  return impl::run(impl_, std::move(work), until);
}

asio::awaitable<segment_result> pool::run_read(segment work, deadline until) {
  return impl::run_read(impl_, std::move(work), until);
}

pool::statistics pool::stats() const {
  statistics out;
  out.reconnects = impl_->reconnects;
  const std::lock_guard guard(impl_->mutex);
  for (const auto& one : impl_->slots) {
    if (!one || !one->is_open()) continue;
    ++out.open;
    out.in_flight += one->in_flight();
  }
  return out;
}

asio::awaitable<void> pool::stop() {
  auto stopping = impl::stop(impl_);
  return asio::co_spawn(impl_->strand, std::move(stopping), asio::use_awaitable);
}

} // namespace synclog::eventstore::pg
