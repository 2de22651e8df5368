// See ws_client.hpp.
#include "tests/support/ws_client.hpp"
#include <array>
#include <stdexcept>

namespace synclog::tests {

namespace {

constexpr std::array<unsigned char, 4> mask{0x37, 0xfa, 0x21, 0x3d};
constexpr std::size_t longest_short = 125, longest_medium = 0xffff;
constexpr std::uint16_t no_code = 1005, no_close = 1006;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  while (bytes-- > 0)
    out.push_back(static_cast<char>(value >> (8 * bytes) & 0xff));
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes)
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

} // namespace

std::uint16_t ws_frame::close_code() const {
  return payload.size() < 2 ? no_code : static_cast<std::uint16_t>(big_endian(payload.substr(0, 2)));
}

std::string ws_bytes(const ws_frame& frame) {
  std::string out;
  out.push_back(static_cast<char>((frame.final ? 0x80 : 0) | (frame.reserved & 7) << 4 |
                                  static_cast<unsigned char>(frame.opcode)));
  const char mask_bit = static_cast<char>(frame.masked ? 0x80 : 0);
  const auto length = frame.payload.size();
  if (length <= longest_short) {
    out.push_back(static_cast<char>(mask_bit | static_cast<char>(length)));
  } else if (length <= longest_medium) {
    out.push_back(static_cast<char>(mask_bit | 126));
    append_big_endian(out, length, 2);
  } else {
    out.push_back(static_cast<char>(mask_bit | 127));
    append_big_endian(out, length, 8);
  }
  if (!frame.masked) return out + frame.payload;
  for (const auto byte : mask)
    out.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < length; ++i)
    out.push_back(static_cast<char>(static_cast<unsigned char>(frame.payload[i]) ^ mask[i % mask.size()]));
  return out;
}

std::string ws_text(std::string_view text) {
  return ws_bytes({.opcode = ws_opcode::text, .masked = true, .payload = std::string(text)});
}

std::string ws_close_payload(std::uint16_t code, std::string_view reason) {
  std::string out;
  append_big_endian(out, code, 2);
  return out.append(reason);
}

std::optional<ws_frame> ws_parser::next() {
  const auto rest = std::string_view(bytes_).substr(used_);
  if (rest.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(rest[0]), second = static_cast<unsigned char>(rest[1]);
  std::size_t head = 2;
  std::uint64_t length = second & 0x7f;
  if (length > longest_short) {
    const std::size_t length_bytes = length == 126 ? 2 : 8;
    if (rest.size() < head + length_bytes) return std::nullopt;
    length = big_endian(rest.substr(head, length_bytes));
    head += length_bytes;
  }
  ws_frame frame;
  frame.final = (first & 0x80) != 0;
  frame.reserved = first >> 4 & 7;
  frame.opcode = static_cast<ws_opcode>(first & 0x0f);
  frame.masked = (second & 0x80) != 0; // a server's frame must not be: the caller looks
  if (rest.size() - head < length) return std::nullopt;
  frame.payload = rest.substr(head, length);
  used_ += head + length;
  // Not at every frame: a large burst would be moved once for each.
  if (used_ == bytes_.size() || used_ > longest_medium) {
    bytes_.erase(0, used_);
    used_ = 0;
  }
  return frame;
}

http_headers ws_upgrade_headers() {
  return {{"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Key", std::string(ws_sample_key)},
          {"Sec-WebSocket-Version", "13"}};
}

ws_client::ws_client(std::uint16_t port, http_client_options with, std::string_view target,
                     const http_headers& more_headers)
    : http_(port, std::move(with)) {
  auto headers = ws_upgrade_headers();
  headers.insert(headers.end(), more_headers.begin(), more_headers.end());
  http_.send_request("GET", target, headers);
  read_upgrade();
}

ws_client::ws_client(http_client upgrading) : http_(std::move(upgrading)) {
  read_upgrade();
}

void ws_client::read_upgrade() {
  upgrade_ = http_.read_head();
  if (upgrade_.status != 101 || upgrade_.header("sec-websocket-accept") != ws_sample_accept)
    throw std::runtime_error("websocket: not upgraded: " + upgrade_.head);
}

std::optional<ws_frame> ws_client::next_frame() {
  for (;;) {
    if (auto frame = parser_.next()) {
      if (frame->masked || frame->reserved != 0)
        throw std::runtime_error("websocket: a server's frame with a mask or reserved bits");
      return frame;
    }
    const auto more = http_.read_some();
    if (more.empty()) return std::nullopt;
    parser_.push(more);
  }
}

std::string ws_client::next_text() {
  for (;;) {
    auto frame = next_frame();
    if (!frame) throw std::runtime_error("websocket: the stream ended");
    if (frame->opcode == ws_opcode::text && frame->final) return std::move(frame->payload);
    if (frame->opcode == ws_opcode::close)
      throw std::runtime_error("websocket: closed with " + std::to_string(frame->close_code()));
    if (frame->opcode == ws_opcode::ping)
      send({.opcode = ws_opcode::pong, .masked = true, .payload = std::move(frame->payload)});
    else if (frame->opcode != ws_opcode::pong)
      throw std::runtime_error("websocket: a frame that is no whole text");
  }
}

std::string ws_client::next_of(std::string_view type) {
  const auto begin = std::string("{\"type\":\"").append(type) + "\"";
  for (;;) {
    auto text = next_text();
    if (text.starts_with(begin)) return text;
  }
}

std::uint16_t ws_client::next_close() {
  while (auto frame = next_frame())
    if (frame->opcode == ws_opcode::close) return frame->close_code();
  return no_close;
}

} // namespace synclog::tests
