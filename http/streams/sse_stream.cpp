// See sse_stream.hpp.
#include "http/streams/sse_stream.hpp"
#include "core/problem.hpp"
#include "http/sse.hpp"
#include "http/streams/hub.hpp"
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace synclog::http::streams {

namespace asio = boost::asio;

namespace {

std::string_view reason_of(sse_stream::ending why) {
  switch (why) {
  case sse_stream::ending::draining:
    return "restart";
  case sse_stream::ending::access_ended:
    return "token";
  case sse_stream::ending::too_slow:
    return "too_slow";
  case sse_stream::ending::database_unavailable:
    return "database_unavailable";
  case sse_stream::ending::gone:
  case sse_stream::ending::history_changed:
    return "history_changed";
  }
  core::invariant_broken("ending out of range");
}

} // namespace

sse_stream::sse_stream(const services& with, responder& answer, stream_kind kind)
    : with_(with), answer_(answer), bell_(with.streams.sweep(), answer),
      counted_(with.streams.counters(), kind) {}

asio::awaitable<void> sse_stream::begin() {
  co_await answer_.begin(sse::stream_head());
  std::string retry;
  sse::append_retry(retry, sse::jittered_retry());
  co_await answer_.write(retry);
}

asio::awaitable<void> sse_stream::write(std::string_view bytes) {
  return answer_.write(bytes);
}

std::optional<sse_stream::ending> sse_stream::over() const {
  if (answer_.peer_closed()) return ending::gone;
  if (answer_.access_ended()) return ending::access_ended;
  if (answer_.draining()) return ending::draining;
  return std::nullopt;
}

std::optional<sse_stream::ending> sse_stream::over(const subscription& source, on_new_history policy) const {
  if (const auto why = over()) return why;
  if (source.too_slow()) return ending::too_slow;
  if (policy == on_new_history::stop && source.history_changed()) return ending::history_changed;
  return std::nullopt;
}

void sse_stream::pause(subscription& source) {
  source.rest();
  bell_.set_due(source.next_control());
}

asio::awaitable<std::optional<sse_stream::ending>> sse_stream::advance(subscription& source,
                                                                       on_new_history policy) {
  co_await answer_.write({}); // what step() could not
  for (;;) {
    if (const auto why = over(source, policy)) {
      if (*why == ending::too_slow)
        with_.streams.counters().slow_closes.fetch_add(1, std::memory_order_relaxed);
      co_return why;
    }
    subscription::portion ready;
    try {
      ready = co_await source.next();
    } catch (const std::runtime_error&) { // unavailable, or a statement that failed; nothing here writes

      co_return ending::database_unavailable; // the client comes back later, here or at another server
    }
    if (!ready.bytes.empty()) {
      co_await answer_.write(ready.bytes);
      source.count_sent(ready);
    }
    if (!ready.more) break;
    if (!ready.bytes.empty()) continue;
    // Nothing of a long stretch concerns this stream: other sessions come first.
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
  }
  pause(source);
  co_return std::nullopt;
}

bool sse_stream::step(subscription& source, on_new_history policy) {
  constexpr int most_portions = 8; // then others come first
  if (over(source, policy)) return false;
  for (int i = 0; i < most_portions; ++i) {
    const auto ready = source.ready();
    if (!ready) return false;
    const bool sent = answer_.write_now(ready->bytes);
    if (!ready->bytes.empty()) source.count_sent(*ready);
    if (!sent) return false;
    if (ready->more) continue;
    pause(source);
    return true;
  }
  return false;
}

asio::awaitable<void> sse_stream::end(ending why) {
  if (why == ending::gone) {
    answer_.abort();
    co_return;
  }
  std::string bye;
  sse::append_bye(bye, reason_of(why), sse::jittered_retry());
  co_await answer_.write(bye);
  co_await answer_.finish();
}

} // namespace synclog::http::streams
