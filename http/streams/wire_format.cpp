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
  std::string_view for_client(std::string_view shared, std::string&) const override { return shared; }
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

// The payload of the frame that `frames` begins with; the frame is taken off them. They are our own.
std::string_view take_payload(std::string_view& frames) {
  const auto byte = [frames](std::size_t at) { return static_cast<unsigned char>(frames[at]); };
  std::size_t begin = 2, length = byte(1);
  if (length >= 126) {
    const std::size_t length_bytes = length == 126 ? 2 : 8;
    length = 0;
    for (; begin < 2 + length_bytes; ++begin)
      length = length << 8 | byte(begin);
  }
  const auto payload = frames.substr(begin, length);
  frames.remove_prefix(begin + length);
  return payload;
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

// A member at the end of each envelope: existing pages, which name nothing, get it as it is everywhere.
std::string_view socket_format::for_client(std::string_view shared, std::string& out) const {
  if (member_.empty()) return shared;
  const auto begin = out.size();
  while (!shared.empty()) {
    const auto envelope = take_payload(shared);
    append_frame_head(out, opcode::text, envelope.size() + member_.size());
    out += envelope.substr(0, envelope.size() - 1);
    out += member_;
    out.push_back('}');
  }
  return std::string_view(out).substr(begin);
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
  append_frame(out, envelope);
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
