// A client's WebSocket frames (RFC 6455, 5): bytes in, whole messages out, everything refused that a client
// must not send. Pure; holds nothing while no frame is under way.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http::streams {

class socket_reader {
 public:
  explicit socket_reader(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  enum class kind : std::uint8_t { text, binary, ping, pong, close, violation };
  struct message {
    kind what = kind::text;
    std::string payload;    // of a close: without the code; of a violation: a reason for the close frame
    std::uint16_t code = 0; // of a close, 1005 when it has none; of a violation, what to close with
  };

  void push(std::string_view bytes);
  // The next whole message; no value: more bytes are needed. After a violation nothing more comes.
  std::optional<message> next();

 private:
  struct head {
    bool final = false;
    unsigned opcode = 0;
    std::size_t payload_bytes = 0, bytes = 0; // of the payload, of the head itself
    unsigned char mask[4] = {};
  };
  // No value: the head is not complete.
  std::optional<head> read_head();
  std::optional<message> take(const head& frame);
  std::optional<message> take_control(unsigned opcode, std::string payload);
  void refuse(std::uint16_t code, std::string_view reason);

  std::size_t max_message_bytes_;
  std::string held_; // from used_ on: not yet taken
  std::size_t used_ = 0;
  std::string message_; // fragments so far
  std::optional<message> violation_;
  std::uint8_t message_opcode_ = 0; // of the fragments; 0 = none under way
  bool ended_ = false;
};

} // namespace synclog::http::streams
