// Accepting, the deadline sweep, and stopping.
#include "http/server.hpp"
#include "http/descriptor_limit.hpp"
#include "http/session.hpp"
#include "http/session_registry.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <utility>

namespace synclog::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds backoff_min{20}, backoff_max{1'000}; // after a failure to accept
constexpr std::chrono::milliseconds sweep_min{5}, sweep_max{250};        // between two looks at the deadlines
constexpr std::chrono::milliseconds stop_poll{20};
constexpr std::chrono::seconds handlers_end{
    35}; // after the cut: longer than any deadline that a handler waits with

guard_options guard_of(const server_options& options) {
  guard_options out{.listen_hosts = {},
                    .public_urls = options.public_urls,
                    .cors_origins = options.cors_origins,
                    .auth = options.auth,
                    .speaks = options.tls ? scheme::https : scheme::http};
  for (const listen_address& address : options.listen)
    out.listen_hosts.push_back(address.host);
  return out;
}

// Often enough that no timeout is late by more than an eighth of it.
std::chrono::milliseconds sweep_interval(const limits& bounds) {
  const auto shortest = std::min({bounds.header_timeout, bounds.idle_timeout, bounds.progress_timeout});
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(shortest) / 8, sweep_min,
                    sweep_max);
}

// No descriptors or memory left: waiting helps.
bool is_exhaustion(const error_code& ec) {
  return ec == asio::error::no_descriptors || ec.value() == ENFILE || ec.value() == ENOBUFS ||
         ec.value() == ENOMEM;
}

} // namespace

struct server::impl : std::enable_shared_from_this<server::impl> {
  struct listener {
    explicit listener(tcp::acceptor opened) : acceptor(std::move(opened)), pause(acceptor.get_executor()) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  impl(asio::any_io_executor executor, server_options given, const limits& bounds,
       std::span<const route> table, dispatcher call, metrics& counters)
      : io(std::move(executor)), strand(asio::make_strand(io)), options(std::move(given)),
        context(std::make_shared<session_context>(bounds, router(table), std::move(call),
                                                  request_guard(guard_of(options)), counters)),
        sweep(strand) {
    if (options.auth != auth_mode::none && !options.authenticate) {
      throw std::invalid_argument("a server with tokens needs somebody who checks them");
    }
    context->authenticate = options.authenticate;
    context->tls = options.tls;
    if (options.tls) counters.add_collector([identity = options.tls](auto& out) { identity->collect(out); });
    context->proxies = trusted_proxies(options.trusted_proxies);
    counters.add_collector([counted = context->quotas](auto& out) { counted->collect(out); });
  }

  asio::any_io_executor next_executor() {
    if (options.lanes.empty()) return asio::make_strand(io);
    return options.lanes[next_lane++ % options.lanes.size()];
  }

  void start();
  asio::awaitable<void> accept_loop(std::shared_ptr<listener> from);
  asio::awaitable<void> recover(listener& from, error_code ec, std::chrono::milliseconds& backoff);
  void admit(tcp::socket socket);
  std::optional<core::problem> find_place(const asio::ip::address& from, shares::share& counted);
  asio::awaitable<void> sweep_loop();
  asio::awaitable<void> stop(clock::time_point until);
  asio::awaitable<bool> all_ended(clock::time_point until);
  void refuse(std::shared_ptr<session> one, core::problem why);
  void spawn(asio::any_io_executor where, asio::awaitable<session::ending> work,
             std::shared_ptr<session> owner);

  asio::any_io_executor io;
  asio::any_io_executor strand; // of acceptors and the sweep
  server_options options;
  std::shared_ptr<session_context> context;
  std::vector<std::shared_ptr<listener>> listeners;
  std::vector<tcp::endpoint> bound;
  std::size_t next_lane = 0;
  asio::steady_timer sweep;
  std::atomic<bool> stopping{false}, stopped{false};
  std::atomic<std::size_t> coroutines{0}; // accept loops and the sweep
  session_registry sessions;
};

void server::impl::start() {
  const auto capacity = connections_within_descriptors(context->limits.max_connections);
  if (capacity < context->limits.max_connections) {
    spdlog::warn("the system allows too few descriptors for {} connections: {} may come; raise `ulimit -n`",
                 context->limits.max_connections, capacity);
  }
  sessions.open(capacity);
  std::vector<std::shared_ptr<listener>> opened;
  for (const listen_address& address : options.listen) {
    for (tcp::acceptor& acceptor : bind_listeners(strand, address)) {
      opened.push_back(std::make_shared<listener>(std::move(acceptor)));
    }
  }
  listeners = std::move(opened);
  for (const auto& from : listeners)
    bound.push_back(from->acceptor.local_endpoint());
  context->resume = [owner = weak_from_this()](std::shared_ptr<session> one) {
    const auto self = owner.lock();
    if (!self) return;
    auto go_on = [self, one] { self->spawn(one->executor(), one->resume(), one); };
    // Posted: whoever wakes a stream may hold what the stream's end must take.
    asio::post(one->executor(), std::move(go_on));
  };
  context->part_with_slow = [owner = weak_from_this()](waiting::reason why, std::size_t most) {
    if (const auto self = owner.lock()) self->sessions.part_with(why, most, clock::now());
  };
  const auto ended = [self = shared_from_this()](std::exception_ptr) { self->coroutines.fetch_sub(1); };
  for (const auto& from : listeners) {
    coroutines.fetch_add(1);
    asio::co_spawn(strand, accept_loop(from), ended);
  }
  coroutines.fetch_add(1);
  asio::co_spawn(strand, sweep_loop(), ended);
}

asio::awaitable<void> server::impl::accept_loop(std::shared_ptr<listener> from) {
  std::chrono::milliseconds backoff = backoff_min;
  while (!stopping) {
    error_code ec;
    tcp::socket socket =
        co_await from->acceptor.async_accept(next_executor(), asio::redirect_error(asio::use_awaitable, ec));
    if (stopping) break;
    if (ec) {
      co_await recover(*from, ec, backoff);
      continue;
    }
    backoff = backoff_min;
    admit(std::move(socket));
  }
  error_code ignored;
  from->acceptor.close(ignored);
}

// The accept loop outlives every failure: it says what is wrong and waits, longer each time.
asio::awaitable<void> server::impl::recover(listener& from, error_code ec,
                                            std::chrono::milliseconds& backoff) {
  context->stats.accept_failures.fetch_add(1, std::memory_order_relaxed);
  if (!is_exhaustion(ec)) {
    // The client was gone before it was accepted (or a fault of that kind): the next one may be fine.
    spdlog::debug("accept: {}", ec.message());
    if (ec == asio::error::connection_aborted || ec == asio::error::connection_reset) co_return;
  }
  spdlog::warn("cannot accept connections: {}; trying again in {} ms", ec.message(), backoff.count());
  if (is_exhaustion(ec)) sessions.part_with_some(clock::now());
  from.pause.expires_after(backoff);
  co_await from.pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  backoff = std::min(backoff * 2, backoff_max);
}

void server::impl::spawn(asio::any_io_executor where, asio::awaitable<session::ending> work,
                         std::shared_ptr<session> owner) {
  auto ended = [self = shared_from_this(), owner](std::exception_ptr failed, session::ending how) {
    if (failed) spdlog::error("a session ended with an exception");
    if (!failed && how == session::ending::at_rest) return;
    self->sessions.remove(owner);
  };
  asio::co_spawn(std::move(where), std::move(work), std::move(ended));
}

void server::impl::refuse(std::shared_ptr<session> one, core::problem why) {
  auto ended = [self = shared_from_this(), one](std::exception_ptr, session::ending) {
    self->sessions.remove_refused(one);
  };
  auto telling = one->refuse(std::move(why));
  asio::co_spawn(one->executor(), std::move(telling), std::move(ended));
}

// The problem when there is no place for one more.
std::optional<core::problem> server::impl::find_place(const asio::ip::address& from, shares::share& counted) {
  const auto key = context->proxies.key_of_connection(from);
  if (context->quotas->connections.take(key, counted) != shares::outcome::taken)
    return core::make_problem(core::problem_code::too_many_requests,
                              "this address has too many connections: close one, or try again");
  if (sessions.find_place(clock::now())) return std::nullopt;
  counted.give_back();
  return core::make_problem(core::problem_code::overloaded, "too many connections: try again");
}

void server::impl::admit(tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  context->stats.accepted.fetch_add(1, std::memory_order_relaxed);
  connection_origin from{.address = socket.remote_endpoint(ignored).address(), .counted = {}};
  const asio::any_io_executor where = socket.get_executor();
  auto refused = find_place(from.address, from.counted);
  if (refused) context->stats.refused_connections.fetch_add(1, std::memory_order_relaxed);
  // The socket closes. A handshake would cost more than to serve what is asked.
  if (refused && (context->tls || !sessions.may_refuse())) return;
  const auto made = std::make_shared<session>(std::move(socket), context, std::move(from));
  if (refused) {
    sessions.add_refused(made);
    refuse(made, std::move(*refused));
  } else {
    sessions.add(made);
    spawn(where, made->run(), made);
  }
}

// One timer for all connections: a session only notes its deadline, and is told here when that has passed.
asio::awaitable<void> server::impl::sweep_loop() {
  const auto interval = sweep_interval(context->limits);
  while (!stopped) {
    sweep.expires_after(interval);
    error_code ec;
    co_await sweep.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    sessions.check_deadlines(clock::now());
    if (!stopping) sessions.part_with_surplus(clock::now());
  }
}

asio::awaitable<bool> server::impl::all_ended(clock::time_point until) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    if (sessions.size() == 0) co_return true;
    if (clock::now() >= until) co_return false;
    timer.expires_after(std::min<clock::duration>(
        stop_poll, std::max<clock::duration>(until - clock::now(), clock::duration(1))));
    error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

asio::awaitable<void> server::impl::stop(clock::time_point until) {
  if (!stopping.exchange(true)) {
    context->draining = true;
    auto close_listeners = [self = shared_from_this()] {
      error_code ignored;
      for (const auto& from : self->listeners) {
        from->acceptor.close(ignored);
        from->pause.cancel();
      }
    };
    asio::post(strand, std::move(close_listeners));
    for (const auto& one : sessions.all())
      one->drain();
  }
  if (!co_await all_ended(until)) {
    const auto left = sessions.all();
    spdlog::info("closing {} connections that are still busy", left.size());
    for (const auto& one : left)
      one->cut();
    const bool ended = co_await all_ended(std::max(until, clock::now()) + handlers_end);
    if (!ended) spdlog::error("{} requests did not end", sessions.size());
  }
  stopped = true;
  auto wake = [self = shared_from_this()] { self->sweep.cancel(); };
  asio::post(strand, std::move(wake));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (coroutines.load() > 0) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
  // One may have been accepted in the last moment.
  co_await all_ended(std::max(until, clock::now()) + handlers_end);
}

server::server(asio::any_io_executor executor, server_options options, const limits& bounds,
               std::span<const route> table, dispatcher call, metrics& counters)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(options), bounds, table, std::move(call),
                                   counters)) {}

server::~server() = default;

void server::start() {
  impl_->start();
}

std::vector<tcp::endpoint> server::endpoints() const {
  return impl_->bound;
}

asio::awaitable<void> server::stop(clock::time_point until) {
  return impl_->stop(until);
}

std::size_t server::check_deadlines(clock::time_point now) {
  return impl_->sessions.check_deadlines(now);
}

void server::access_changed() {
  for (const auto& one : impl_->sessions.all())
    one->access_changed();
}

std::size_t server::open_sessions() const {
  return impl_->sessions.size();
}

} // namespace synclog::http
