// See socket_reader.hpp.
#include "http/streams/socket_reader.hpp"
#include "core/utf8.hpp"
#include <utility>

namespace synclog::http::streams {

namespace {

enum opcode : unsigned { more = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xa };
enum close_code : std::uint16_t { none = 1005, protocol_error = 1002, no_utf8 = 1007, too_big = 1009 };

constexpr std::size_t max_control_bytes = 125;
constexpr std::size_t kept_bytes = 256; // of a buffer that is not in use

bool is_control(unsigned opcode) {
  return (opcode & 0x8) != 0;
}

// 7.4: those that may stand in a frame.
bool may_be_sent(std::uint16_t code) {
  if (code >= 1000 && code <= 1014) return code < 1004 || code > 1006;
  return code >= 3000 && code <= 4999;
}

} // namespace

void socket_reader::push(std::string_view bytes) {
  if (ended_) return;
  held_.erase(0, used_);
  used_ = 0;
  held_ += bytes;
}

void socket_reader::refuse(std::uint16_t code, std::string_view reason) {
  violation_ = message{kind::violation, std::string(reason), code};
}

std::optional<socket_reader::head> socket_reader::read_head() {
  const auto left = std::string_view(held_).substr(used_);
  const auto byte = [left](std::size_t at) { return static_cast<unsigned char>(left[at]); };
  constexpr std::size_t shortest = 2, mask_bytes = 4;
  if (left.size() < shortest) return std::nullopt;
  head made;
  made.final = (byte(0) & 0x80) != 0;
  made.opcode = byte(0) & 0x0f;
  if ((byte(0) & 0x70) != 0) refuse(protocol_error, "reserved bits");
  const bool is_known = made.opcode <= binary || (made.opcode >= close && made.opcode <= pong);
  if (!is_known) refuse(protocol_error, "unknown opcode");
  if ((byte(1) & 0x80) == 0) refuse(protocol_error, "not masked");
  const std::size_t length = byte(1) & 0x7f;
  if (is_control(made.opcode) && (!made.final || length > max_control_bytes))
    refuse(protocol_error, "control frame");
  if (!is_control(made.opcode) && (made.opcode == more) != (message_opcode_ != 0))
    refuse(protocol_error, "fragments");
  if (violation_) return std::nullopt;
  const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (left.size() < shortest + length_bytes) return std::nullopt;
  std::uint64_t value = length_bytes == 0 ? length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    value = value << 8 | byte(shortest + i);
  if ((length_bytes == 2 && value < 126) || (length_bytes == 8 && value <= 0xffff))
    refuse(protocol_error, "length");
  else if (!is_control(made.opcode) && value > max_message_bytes_ - message_.size())
    refuse(too_big, "too big");
  if (violation_) return std::nullopt;
  made.bytes = shortest + length_bytes + mask_bytes;
  if (left.size() < made.bytes) return std::nullopt;
  for (std::size_t i = 0; i < mask_bytes; ++i)
    made.mask[i] = byte(made.bytes - mask_bytes + i);
  made.payload_bytes = static_cast<std::size_t>(value);
  return made;
}

std::optional<socket_reader::message> socket_reader::next() {
  while (!ended_) {
    std::optional<head> frame;
    if (!violation_) frame = read_head();
    if (violation_) {
      ended_ = true;
      std::string().swap(held_);
      return std::exchange(violation_, std::nullopt);
    }
    if (!frame || held_.size() - used_ - frame->bytes < frame->payload_bytes) break;
    if (auto whole = take(*frame)) return whole;
  }
  if (used_ == held_.size()) {
    used_ = 0;
    held_.clear();
    if (held_.capacity() > kept_bytes) std::string().swap(held_);
  }
  return std::nullopt;
}

// The frame's payload is there. No value when its message is not complete.
std::optional<socket_reader::message> socket_reader::take(const head& frame) {
  std::string payload = held_.substr(used_ + frame.bytes, frame.payload_bytes);
  used_ += frame.bytes + frame.payload_bytes;
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(static_cast<unsigned char>(payload[i]) ^ frame.mask[i % 4]);
  if (is_control(frame.opcode)) return take_control(frame.opcode, std::move(payload));
  if (message_opcode_ == 0)
    message_ = std::move(payload);
  else
    message_ += payload;
  if (frame.opcode != more) message_opcode_ = static_cast<std::uint8_t>(frame.opcode);
  if (!frame.final) return std::nullopt;
  message whole{message_opcode_ == text ? kind::text : kind::binary, std::move(message_), 0};
  std::string().swap(message_);
  message_opcode_ = 0;
  if (whole.what == kind::text && !core::is_valid_utf8(whole.payload)) {
    refuse(no_utf8, "text is UTF-8");
    return std::nullopt;
  }
  return whole;
}

std::optional<socket_reader::message> socket_reader::take_control(unsigned opcode, std::string payload) {
  if (opcode == ping) return message{kind::ping, std::move(payload), 0};
  if (opcode == pong) return message{kind::pong, std::move(payload), 0};
  if (payload.empty()) return message{kind::close, {}, none};
  std::uint16_t code = 0;
  if (payload.size() >= 2)
    code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                      static_cast<unsigned char>(payload[1]));
  if (!may_be_sent(code)) {
    refuse(protocol_error, "close code");
    return std::nullopt;
  }
  payload.erase(0, 2);
  if (!core::is_valid_utf8(payload)) {
    refuse(no_utf8, "text is UTF-8");
    return std::nullopt;
  }
  return message{kind::close, std::move(payload), code};
}

} // namespace synclog::http::streams
