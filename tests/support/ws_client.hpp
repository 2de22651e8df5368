// A small blocking WebSocket client for tests, over http_client: every frame that it sends may be as wrong as
// the test wants, and every frame that comes is shown, control frames too. One thread uses an object at a
// time.
#pragma once
#include "tests/support/http_client.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::tests {

enum class ws_opcode : std::uint8_t {
  more = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xa
};

struct ws_frame {
  ws_opcode opcode = ws_opcode::text;
  bool final = true;
  bool masked = false;
  std::uint8_t reserved = 0; // the three RSV bits, RSV1 = 4
  std::string payload{};

  // Of a close frame; 1005 when it has none (RFC 6455, 7.1.5).
  std::uint16_t close_code() const;
};

// The bytes of a frame; masked ones carry a fixed mask.
std::string ws_bytes(const ws_frame& frame);
// As a well-behaved client sends it.
std::string ws_text(std::string_view text);
// The payload of a close frame.
std::string ws_close_payload(std::uint16_t code, std::string_view reason = "");

// Bytes in, whole frames out.
class ws_parser {
 public:
  void push(std::string_view bytes) { bytes_ += bytes; }
  // The next whole frame; empty when there is none yet.
  std::optional<ws_frame> next();
  // Bytes of a frame that is not complete.
  std::size_t unfinished_bytes() const { return bytes_.size() - used_; }

 private:
  std::string bytes_;
  std::size_t used_ = 0;
};

// RFC 6455's sample key, and what a server must answer to it.
inline constexpr std::string_view ws_sample_key = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view ws_sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// The headers of a good upgrade.
http_headers ws_upgrade_headers();

class ws_client {
 public:
  // Connects and upgrades; throws std::runtime_error when the answer is not 101 with the right accept.
  explicit ws_client(std::uint16_t port, http_client_options with = {}, std::string_view target = "/ws",
                     const http_headers& more_headers = {});
  // For a connection whose upgrade has been sent: reads the answer.
  explicit ws_client(http_client upgrading);

  http_client& wire() { return http_; }
  const http_reply& upgrade() const { return upgrade_; }

  void send(const ws_frame& frame) { http_.send(ws_bytes(frame)); }
  void send_text(std::string_view text) { http_.send(ws_text(text)); }

  // The next frame whatever it is; empty at the end of the stream. Throws after the client's patience.
  std::optional<ws_frame> next_frame();
  // The next text; pings are answered, pongs skipped. Throws when the server closes.
  std::string next_text();
  // The next text whose "type" is this one; others are thrown away.
  std::string next_of(std::string_view type);
  // The code of the server's close frame, whatever comes before it; 1006 when the stream ends without one.
  std::uint16_t next_close();

 private:
  void read_upgrade();

  http_client http_;
  http_reply upgrade_;
  ws_parser parser_;
};

} // namespace synclog::tests
