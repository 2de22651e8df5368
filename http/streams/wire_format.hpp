// The two forms in which a stream reaches its client: server-sent events and WebSocket frames. Everything is
// appended as ready bytes, so that one encoding serves all subscribers. Pure; any thread.
#pragma once
#include "core/event.hpp"
#include <chrono>
#include <string>
#include <string_view>

namespace synclog::http::streams {

class wire_format {
 public:
  virtual ~wire_format() = default;
  // Streams whose formats have equal keys share the bytes of their events, each as for_client() has it.
  virtual std::string key() const = 0;
  // Whole frames of events as this client gets them: `shared` itself, or appended to `out` and a view of
  // that.
  virtual std::string_view for_client(std::string_view shared, std::string& out) const = 0;

  // An event's envelope; it moves the client's cursor to `at`.
  virtual void append_event(std::string& out, const core::cursor& at, std::string_view envelope) const = 0;
  // A frame of a live query: "snapshot" without a cursor, "upsert" and "remove" with theirs.
  virtual void append_row(std::string& out, std::string_view name, const core::cursor* at,
                          std::string_view object) const = 0;

  virtual void append_hello(std::string& out, const core::cursor& starts_at) const = 0;
  virtual void append_caught_up(std::string& out, const core::cursor& at) const = 0;
  virtual void append_checkpoint(std::string& out, const core::cursor& at) const = 0;
  // The cursor given is of another history: reload; the stream goes on from `goes_on_at`.
  virtual void append_resync(std::string& out, std::string_view reason,
                             const core::cursor& goes_on_at) const = 0;
  virtual void append_bye(std::string& out, std::string_view reason,
                          std::chrono::milliseconds retry) const = 0;
};

// Server-sent events.
const wire_format& sse_format();

// Text frames of a WebSocket, framed as RFC 6455 has it for servers (no mask). When the client gave its
// subscription a name, control frames carry it, and for_client() puts it into the events that all names
// share.
class socket_format final : public wire_format {
 public:
  explicit socket_format(std::string subscription = {});

  std::string key() const override { return "ws"; }
  std::string_view for_client(std::string_view shared, std::string& out) const override;
  void append_event(std::string& out, const core::cursor& at, std::string_view envelope) const override;
  void append_row(std::string& out, std::string_view name, const core::cursor* at,
                  std::string_view object) const override;
  void append_hello(std::string& out, const core::cursor& starts_at) const override;
  void append_caught_up(std::string& out, const core::cursor& at) const override;
  void append_checkpoint(std::string& out, const core::cursor& at) const override;
  void append_resync(std::string& out, std::string_view reason,
                     const core::cursor& goes_on_at) const override;
  void append_bye(std::string& out, std::string_view reason, std::chrono::milliseconds retry) const override;

  // One frame around `text`.
  static void append_frame(std::string& out, std::string_view text);
  // A close frame; `reason` is cut to what fits.
  static void append_close(std::string& out, std::uint16_t code, std::string_view reason);
  static void append_ping(std::string& out);
  static void append_pong(std::string& out, std::string_view payload);

 private:
  void append_control(std::string& out, std::string_view type, std::string_view members) const;

  std::string member_; // ,"subscription":"…" or empty
};

} // namespace synclog::http::streams
