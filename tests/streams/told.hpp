// What a server says on a stream, SSE or WebSocket, from the bytes of its connection. One thread uses an
// object at a time.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::streams {

struct told {
  std::string name; // "event", "hello", "caught_up", "checkpoint", "resync", "bye", "subscribed", "error", …
  std::string id;   // SSE's id line, "" = none
  std::string text; // JSON
};

class stream_decoder {
 public:
  virtual ~stream_decoder() = default;
  // Takes bytes as they come, the answer's head first, and appends what they complete. Throws
  // std::runtime_error when they are no such stream.
  virtual void take(std::string_view bytes, std::vector<told>& out) = 0;
  // Of the answer; 0 while its head is not complete. Other than 200 and 101: nothing is decoded behind it.
  virtual int status() const = 0;
  // The server has ended the stream in order.
  virtual bool ended() const = 0;
  // A frame has begun and is not complete.
  virtual bool inside_frame() const = 0;
  // What the protocol wants sent back: pongs, and the echo of a close frame.
  virtual std::string take_replies() = 0;
};

std::unique_ptr<stream_decoder> make_sse_decoder();
std::unique_ptr<stream_decoder> make_socket_decoder();

} // namespace synclog::tests::streams
