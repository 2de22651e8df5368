// One subscription written as server-sent events until the client leaves, the server drains or something ends
// it: by a coroutine that stays (follow), or by a stream that rests in between (step, advance). Runs on the
// session's strand; step() wherever the stream is woken.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include "http/streams/bell.hpp"
#include "http/streams/counters.hpp"
#include "http/streams/subscription.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http::streams {

class sse_stream {
 public:
  enum class pausing : std::uint8_t { in_follow, at_rest };
  // The responder has become a stream.
  sse_stream(const services& with, responder& answer, stream_kind kind, pausing how = pausing::in_follow);
  ~sse_stream();
  sse_stream(const sse_stream&) = delete;
  sse_stream& operator=(const sse_stream&) = delete;

  bell& wake() { return *bell_; }

  // The head of the answer and `retry:`.
  boost::asio::awaitable<void> begin();
  boost::asio::awaitable<void> write(std::string_view bytes);

  enum class ending : std::uint8_t { gone, draining, too_slow, database_unavailable, history_changed };
  enum class on_new_history : std::uint8_t { resync, stop };
  // Writes what the subscription shows until one of these. history_changed comes only with `stop`.
  boost::asio::awaitable<ending> follow(subscription& source, on_new_history policy);
  // The same until there is nothing to write: no value.
  boost::asio::awaitable<std::optional<ending>> advance(subscription& source, on_new_history policy);
  // The same as far as it takes no waiting; false when advance() must go on.
  bool step(subscription& source, on_new_history policy);

  // `bye` and the end of the answer, as far as the client still listens.
  boost::asio::awaitable<void> end(ending why);

  // The client has gone, or the server drains.
  bool is_over() const { return answer_.peer_closed() || answer_.draining(); }
  bool is_draining() const { return answer_.draining(); }

 private:
  std::optional<ending> over(const subscription& source, on_new_history policy) const;

  const services& with_;
  responder& answer_;
  std::optional<bell> bell_;
  open_stream counted_;
};

} // namespace synclog::http::streams
