// Takes the two kinds of stream apart, bytes in whatever pieces, texts out: lines of server-sent events, and
// a server's WebSocket frames. A text that lies whole in the bytes given is passed on without a copy. Pure;
// one thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace synclog::tools::load {

// An event of more lines than one comes as that many texts: no server of interest does that.
class sse_lines {
 public:
  static constexpr std::size_t max_line_bytes = 16u << 20;

  // `sink.data(name, text)` for each data line; name "" is an unnamed event. False when a line is too long.
  template <class Sink>
  bool push(std::string_view bytes, Sink& sink) {
    while (!bytes.empty()) {
      const auto* found = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
      if (found == nullptr) {
        held_.append(bytes);
        return held_.size() <= max_line_bytes;
      }
      const auto line = bytes.substr(0, static_cast<std::size_t>(found - bytes.data()));
      bytes.remove_prefix(line.size() + 1);
      if (held_.empty()) {
        take(line, sink);
      } else {
        held_.append(line);
        take(held_, sink);
        held_.clear();
      }
    }
    return true;
  }

 private:
  template <class Sink>
  void take(std::string_view line, Sink& sink) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty())
      name_.clear();
    else if (line.starts_with("data:"))
      sink.data(std::string_view(name_), value_of(line, 5));
    else if (line.starts_with("event:"))
      name_.assign(value_of(line, 6));
  }
  static std::string_view value_of(std::string_view line, std::size_t from) {
    return line.substr(from + (line.size() > from && line[from] == ' ' ? 1 : 0));
  }

  std::string held_, name_;
};

enum class ws_code : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

class ws_frames {
 public:
  static constexpr std::uint64_t max_frame_bytes = 16u << 20;

  // `sink.message(text)` for each whole text message, `sink.control(code, payload)` for pings, pongs and
  // closes. False when the server breaks the protocol (RFC 6455): a masked frame, one that is too long, a
  // piece of nothing.
  template <class Sink>
  bool push(std::string_view bytes, Sink& sink) {
    while (!bytes.empty()) {
      if (!held_.empty()) {
        const auto piece = bytes.substr(0, missing(held_));
        held_.append(piece);
        bytes.remove_prefix(piece.size());
        if (broken_) return false;
        if (missing(held_) > 0) continue;
        if (!deliver(held_, sink)) return false;
        held_.clear();
        continue;
      }
      const auto lacking = missing(bytes);
      if (broken_) return false;
      if (lacking > 0) {
        held_.assign(bytes);
        return true;
      }
      const auto length = frame_bytes(bytes);
      if (!deliver(bytes.substr(0, length), sink)) return false;
      bytes.remove_prefix(length);
    }
    return !broken_;
  }

 private:
  static std::size_t head_bytes(std::string_view frame) {
    const auto code = static_cast<unsigned char>(frame[1]) & 0x7fU;
    return code == 126 ? 4 : code == 127 ? 10 : 2;
  }
  // Precondition: the head is whole.
  static std::uint64_t payload_bytes(std::string_view frame) {
    const auto head = head_bytes(frame);
    if (head == 2) return static_cast<unsigned char>(frame[1]) & 0x7fU;
    std::uint64_t length = 0;
    for (std::size_t i = 2; i < head; ++i)
      length = length << 8 | static_cast<unsigned char>(frame[i]);
    return length;
  }
  static std::size_t frame_bytes(std::string_view frame) {
    return head_bytes(frame) + static_cast<std::size_t>(payload_bytes(frame));
  }
  // How many bytes are known to be lacking for the first frame; 0 when it is whole.
  std::size_t missing(std::string_view frame) {
    if (frame.size() < 2) return 2 - frame.size();
    const auto head = head_bytes(frame);
    if (frame.size() < head) return head - frame.size();
    broken_ = broken_ || payload_bytes(frame) > max_frame_bytes ||
              (static_cast<unsigned char>(frame[1]) & 0x80U) != 0;
    if (broken_) return 0;
    const auto whole = frame_bytes(frame);
    return whole > frame.size() ? whole - frame.size() : 0;
  }
  template <class Sink>
  bool deliver(std::string_view frame, Sink& sink) {
    const auto first = static_cast<unsigned char>(frame[0]);
    const auto code = static_cast<ws_code>(first & 0x0fU);
    const bool last = (first & 0x80U) != 0;
    const auto payload = frame.substr(head_bytes(frame));
    if (code >= ws_code::close) {
      sink.control(code, payload);
      return true;
    }
    if ((code == ws_code::more) != in_pieces_) return false;
    if (last && !in_pieces_) {
      sink.message(payload);
      return true;
    }
    pieces_.append(payload);
    if (pieces_.size() > max_frame_bytes) return false;
    in_pieces_ = !last;
    if (last) {
      sink.message(std::string_view(pieces_));
      pieces_.clear();
    }
    return true;
  }

  std::string held_, pieces_;
  bool in_pieces_ = false;
  bool broken_ = false;
};

// A client's frame; the mask is all zeros, which is one.
std::string client_frame(ws_code code, std::string_view payload);

} // namespace synclog::tools::load
