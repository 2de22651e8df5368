// See wire_format.hpp.
#include "http/streams/wire_format.hpp"
#include "core/json.hpp"
#include "http/sse.hpp"
#include <fmt/format.h>
#include <iterator>

namespace synclog::http::streams {

namespace {

class sse_wire final : public wire_format {
 public:
  std::string key() const override { return "sse"; }
  void append_event(std::string& out, const core::cursor& at, std::string_view envelope) const override {
    sse::append_event(out, at, envelope);
  }
  void append_row(std::string& out, std::string_view name, const core::cursor* at,
                  std::string_view object) const override {
    sse::append_named(out, name, at, object);
  }
  void append_hello(std::string& out, const core::cursor& starts_at) const override {
    sse::append_hello(out, starts_at);
  }
  void append_caught_up(std::string& out, const core::cursor& at) const override {
    sse::append_caught_up(out, at);
  }
  void append_checkpoint(std::string& out, const core::cursor& at) const override {
    sse::append_checkpoint(out, at);
  }
  void append_resync(std::string& out, std::string_view reason,
                     const core::cursor& goes_on_at) const override {
    sse::append_resync(out, reason, goes_on_at);
  }
  void append_bye(std::string& out, std::string_view reason, std::chrono::milliseconds retry) const override {
    sse::append_bye(out, reason, retry);
  }
};

// RFC 6455, 5.2: FIN and opcode, then the length in one, three or nine bytes.
enum class opcode : unsigned char { text = 0x1, close = 0x8, ping = 0x9, pong = 0xa };

void append_frame_head(std::string& out, opcode what, std::size_t length) {
  constexpr std::size_t longest_short = 125, longest_medium = 0xffff;
  out.push_back(static_cast<char>(0x80 | static_cast<unsigned char>(what)));
  int length_bytes = 0;
  if (length <= longest_short) {
    out.push_back(static_cast<char>(length));
  } else if (length <= longest_medium) {
    out.push_back(126);
    length_bytes = 2;
  } else {
    out.push_back(127);
    length_bytes = 8;
  }
  while (length_bytes-- > 0)
    out.push_back(static_cast<char>(length >> (8 * length_bytes) & 0xff));
}

std::string cursor_member(const core::cursor& at) {
  return fmt::format(R"("cursor":"{}")", core::to_string(at));
}

} // namespace

const wire_format& sse_format() {
  static const sse_wire only;
  return only;
}

socket_format::socket_format(std::string subscription) {
  if (subscription.empty()) return;
  member_ = R"(,"subscription":)";
  core::json::append_string(member_, subscription);
}

std::string socket_format::key() const {
  return "ws" + member_;
}

void socket_format::append_frame(std::string& out, std::string_view text) {
  append_frame_head(out, opcode::text, text.size());
  out += text;
}

void socket_format::append_close(std::string& out, std::uint16_t code, std::string_view reason) {
  constexpr std::size_t most = 123; // a control frame holds 125 bytes, two of them the code
  reason = reason.substr(0, most);
  append_frame_head(out, opcode::close, 2 + reason.size());
  out.push_back(static_cast<char>(code >> 8));
  out.push_back(static_cast<char>(code & 0xff));
  out += reason;
}

void socket_format::append_ping(std::string& out) {
  append_frame_head(out, opcode::ping, 0);
}

void socket_format::append_pong(std::string& out, std::string_view payload) {
  append_frame_head(out, opcode::pong, payload.size());
  out += payload;
}

void socket_format::append_event(std::string& out, const core::cursor&, std::string_view envelope) const {
  if (member_.empty()) {
    append_frame(out, envelope);
    return;
  }
  // Only named subscriptions carry their name: existing pages get the envelope as it is everywhere.
  append_frame_head(out, opcode::text, envelope.size() + member_.size());
  out += envelope.substr(0, envelope.size() - 1);
  out += member_;
  out.push_back('}');
}

void socket_format::append_row(std::string& out, std::string_view name, const core::cursor* at,
                               std::string_view object) const {
  std::string members = at ? cursor_member(*at) + "," : std::string();
  members += R"("data":)";
  members += object;
  append_control(out, name, members);
}

void socket_format::append_control(std::string& out, std::string_view type, std::string_view members) const {
  append_frame(out, fmt::format(R"({{"type":"{}",{}{}}})", type, members, member_));
}

void socket_format::append_hello(std::string& out, const core::cursor& starts_at) const {
  append_control(out, "hello", cursor_member(starts_at));
}

void socket_format::append_caught_up(std::string& out, const core::cursor& at) const {
  append_control(out, "caught_up", cursor_member(at));
}

void socket_format::append_checkpoint(std::string& out, const core::cursor& at) const {
  append_control(out, "checkpoint", cursor_member(at));
}

void socket_format::append_resync(std::string& out, std::string_view reason,
                                  const core::cursor& goes_on_at) const {
  append_control(out, "resync", fmt::format(R"("reason":"{}",{})", reason, cursor_member(goes_on_at)));
}

void socket_format::append_bye(std::string& out, std::string_view reason,
                               std::chrono::milliseconds retry) const {
  append_control(out, "bye", fmt::format(R"("reason":"{}","retry_ms":{})", reason, retry.count()));
}

} // namespace synclog::http::streams
