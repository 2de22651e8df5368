// What all sessions of a server share. Made by the server before its first session; the members that change
// are atomics.
#pragma once
#include "core/scope.hpp"
#include "http/client_address.hpp"
#include "http/metrics.hpp"
#include "http/quotas.hpp"
#include "http/request_guard.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"
#include "http/seldom.hpp"
#include "http/services.hpp"
#include "http/tls_identity.hpp"
#include "http/unread_answers.hpp"
#include "http/waiting.hpp"
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace synclog::http {

class session;

// Calls the handler of a route; in the product it adds the services.
using dispatcher = std::function<boost::asio::awaitable<void>(const route&, const request&, responder&)>;
struct admission {
  core::scope caller;
  std::shared_ptr<const auth::grant> grant; // what must not end while the caller is served; may be null
  bool by_cookie = false;                   // which browsers send by themselves: the Origin must be ours
};
// Who asks: unauthorized or forbidden when nobody may. Unset = everybody is the anonymous admin (auth none).
using authenticator = std::function<boost::asio::awaitable<core::result<admission>>(const request&, access)>;

struct session_context {
  session_context(http::limits bounds, http::router table, dispatcher call, request_guard checks,
                  metrics& counters)
      : limits(bounds), routes(std::move(table)), dispatch(std::move(call)), guard(std::move(checks)),
        quotas(std::make_shared<http::quotas>(limits)), stats(counters), unread(limits.max_unread_bytes) {
    bodies.max_bytes = limits.max_bodies_bytes;
  }

  const http::limits limits;
  const http::router routes;
  const dispatcher dispatch;
  const request_guard guard;
  const std::shared_ptr<http::quotas> quotas;
  trusted_proxies proxies;           // set before the first session
  std::shared_ptr<tls_identity> tls; // the same; null: plain http
  authenticator authenticate;
  metrics& stats;
  std::atomic<bool> draining{false};
  body_budget bodies;
  unread_answers unread;
  seldom stalled_cuts{std::chrono::seconds(10)};
  // Runs session::resume() on its strand, later. Set before the first session; any thread.
  std::function<void(std::shared_ptr<session>)> resume;
  // Parts with at most so many of those who are slowest at this, by and by. Set before the first session; any
  // thread.
  std::function<void(waiting::reason, std::size_t)> part_with_slow;
  static constexpr std::size_t most_slow = 8; // at once of those whose bodies take too much memory
  std::atomic<std::size_t> handshakes{0};     // of TLS, under way
};

} // namespace synclog::http
