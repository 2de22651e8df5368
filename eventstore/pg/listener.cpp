// One coroutine on the listener's strand: connect, LISTEN, hint, then wait for the end of the connection and
// probe it now and then, because a peer that vanished without a word sends no NOTIFY and no error either.
#include "eventstore/pg/listener.hpp"
#include "eventstore/pg/backoff.hpp"
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <stop_token>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds backoff_min{50};
constexpr std::chrono::milliseconds backoff_max{2'000};
constexpr std::chrono::seconds probe_interval{15};
constexpr std::chrono::seconds probe_patience{5};

std::string quoted(const std::string& channel) {
  std::string out = "\"";
  for (const char c : channel)
    out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

} // namespace

struct listener::impl : std::enable_shared_from_this<listener::impl> {
  using self_ptr = std::shared_ptr<impl>;

  impl(asio::any_io_executor one, connect_options where, std::string name, std::function<void()> hint,
       std::function<int()> own)
      : executor(std::move(one)), strand(asio::make_strand(executor)), connect(std::move(where)),
        channel(std::move(name)), on_hint(std::move(hint)), own_backend(std::move(own)), signal(strand) {}

  void start();
  void begin_stop();
  void post_hint();
  static asio::awaitable<void> keep(self_ptr self);
  static asio::awaitable<std::shared_ptr<connection>> open(self_ptr self);
  static asio::awaitable<void> watch(self_ptr self, std::shared_ptr<connection> one);
  static asio::awaitable<bool> probe(std::shared_ptr<connection> one);
  static asio::awaitable<void> stop(self_ptr self);

  asio::any_io_executor executor;
  asio::strand<asio::any_io_executor> strand;
  connect_options connect;
  std::string channel;
  std::function<void()> on_hint;
  std::function<int()> own_backend;

  // On the strand.
  std::stop_source stopping;
  asio::steady_timer
      signal; // the pause, or the time to the next probe; cut short by stop and by the connection's end
  std::list<asio::steady_timer> stop_waiters;
  std::shared_ptr<connection> current;
  bool ended = false;

  std::atomic<bool> connected{false};
  std::atomic<bool> hint_posted{false};
};

void listener::impl::start() {
  auto done = [self = shared_from_this()](std::exception_ptr error) {
    if (error) std::rethrow_exception(error); // nothing is expected: a bug, not an outage
    self->ended = true;
    for (asio::steady_timer& one : self->stop_waiters)
      one.cancel();
  };
  auto keeping = keep(shared_from_this());
  asio::co_spawn(strand, std::move(keeping), std::move(done));
}

// Any thread. Hints that come before the last one was delivered are one hint.
void listener::impl::post_hint() {
  if (hint_posted.exchange(true)) return;
  auto deliver = [self = shared_from_this()] {
    self->hint_posted = false;
    if (!self->stopping.stop_requested()) self->on_hint();
  };
  asio::post(strand, std::move(deliver));
}

asio::awaitable<void> listener::impl::keep(self_ptr self) {
  backoff pause(backoff_min, backoff_max);
  while (!self->stopping.stop_requested()) {
    std::shared_ptr<connection> one = co_await open(self);
    if (one) {
      pause.reset();
      co_await watch(self, std::move(one));
    }
    if (self->stopping.stop_requested()) break;
    self->signal.expires_after(pause.next());
    co_await self->signal.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

// Empty when that failed.
asio::awaitable<std::shared_ptr<connection>> listener::impl::open(self_ptr self) {
  const deadline until = clock::now() + self->connect.connect_timeout;
  const std::stop_token stop = self->stopping.get_token();
  try {
    const auto one = co_await connection::open(self->executor, self->connect, until, stop);
    auto hear = [weak = std::weak_ptr<impl>(self)](const notification& heard) {
      const auto still = weak.lock();
      if (!still || (still->own_backend && still->own_backend() == heard.backend_pid)) return;
      still->post_hint();
    };
    one->on_notify(std::move(hear));
    self->current = one;
    segment listen;
    listen.add_sql("LISTEN " + quoted(self->channel));
    co_await one->run_ok(std::move(listen), until);
    co_return one;
  } catch (const std::exception&) {
    self->current = nullptr;
  }
  co_return nullptr;
}

// Returns when the connection has closed.
asio::awaitable<void> listener::impl::watch(self_ptr self, std::shared_ptr<connection> one) {
  const auto closed = std::make_shared<bool>(false);
  // Weak: the listener holds the connection, which holds this.
  auto on_strand = [weak = std::weak_ptr<impl>(self), closed] {
    *closed = true;
    if (const auto still = weak.lock()) still->signal.cancel();
  };
  auto on_close = [strand = self->strand, on_strand] { asio::post(strand, on_strand); };
  one->on_close(std::move(on_close));
  if (self->stopping.stop_requested()) one->close();
  self->connected = one->is_open();
  self->post_hint();
  while (!*closed) {
    self->signal.expires_after(probe_interval);
    const auto [cut_short] = co_await self->signal.async_wait(asio::as_tuple(asio::use_awaitable));
    if (*closed || cut_short) continue;
    const bool alive = co_await probe(one);
    if (!alive) one->close();
  }
  self->connected = false;
  self->current = nullptr;
}

asio::awaitable<bool> listener::impl::probe(std::shared_ptr<connection> one) {
  segment work;
  work.add_sql("SELECT 1");
  const deadline until = clock::now() + probe_patience;
  try {
    const segment_result answer = co_await one->run(std::move(work), until);
    co_return answer.ok();
  } catch (const unavailable&) {
    co_return false;
  }
}

void listener::impl::begin_stop() {
  stopping.request_stop();
  if (current) current->close();
  signal.cancel();
}

asio::awaitable<void> listener::impl::stop(self_ptr self) {
  self->begin_stop();
  const auto timer = self->stop_waiters.emplace(self->stop_waiters.end(), self->strand, deadline::max());
  while (!self->ended)
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  self->stop_waiters.erase(timer);
}

listener::listener(asio::any_io_executor executor, connect_options connect, std::string channel,
                   std::function<void()> on_hint, std::function<int()> own_backend)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(connect), std::move(channel),
                                   std::move(on_hint), std::move(own_backend))) {
  impl_->start();
}

listener::~listener() {
  auto stop_it = [self = impl_] { self->begin_stop(); };
  asio::post(impl_->strand, std::move(stop_it));
}

bool listener::connected() const {
  return impl_->connected;
}

asio::awaitable<void> listener::stop() {
  auto stopping = impl::stop(impl_);
  return asio::co_spawn(impl_->strand, std::move(stopping), asio::use_awaitable);
}

} // namespace synclog::eventstore::pg
