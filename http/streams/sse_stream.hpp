// One subscription written as server-sent events until the client leaves, the server drains or something ends
// it: the common part of streams that rest in between. Runs on the session's strand, step() wherever the
// stream is woken.
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
  // The responder has become a stream.
  sse_stream(const services& with, responder& answer, stream_kind kind);
  sse_stream(const sse_stream&) = delete;
  sse_stream& operator=(const sse_stream&) = delete;

  bell& wake() { return bell_; }

  // The head of the answer and `retry:`.
  boost::asio::awaitable<void> begin();
  boost::asio::awaitable<void> write(std::string_view bytes);

  enum class ending : std::uint8_t {
    gone,
    draining,
    access_ended,
    too_slow,
    database_unavailable,
    history_changed
  };
  enum class on_new_history : std::uint8_t { resync, stop };
  // Writes what the subscription shows until there is nothing left (no value) or one of these.
  // history_changed comes only with `stop`.
  boost::asio::awaitable<std::optional<ending>> advance(subscription& source, on_new_history policy);
  // The same as far as it takes no waiting; false when advance() must go on.
  bool step(subscription& source, on_new_history policy);

  // `bye` and the end of the answer, as far as the client still listens.
  boost::asio::awaitable<void> end(ending why);

  // Why nothing more is to be written: the client has gone, the server drains, the caller lost access.
  std::optional<ending> over() const;
  bool is_over() const { return over().has_value(); }

 private:
  void pause(subscription& source);
  std::optional<ending> over(const subscription& source, on_new_history policy) const;

  const services& with_;
  responder& answer_;
  bell bell_;
  open_stream counted_;
};

} // namespace synclog::http::streams
