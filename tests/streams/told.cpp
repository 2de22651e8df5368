// See told.hpp.
#include "tests/streams/told.hpp"
#include "tests/support/ws_client.hpp"
#include <algorithm>
#include <stdexcept>
#include <utility>

namespace synclog::tests::streams {

namespace {

constexpr std::size_t max_head_bytes = 16u << 10;

// The head of an answer; what comes behind it is handed on.
class answer_head {
 public:
  int status() const { return status_; }
  bool is_chunked() const { return chunked_; }

  // The bytes behind the head.
  std::string_view take(std::string_view bytes) {
    if (status_ != 0) return bytes;
    const auto before = text_.size();
    text_ += bytes;
    const auto end = text_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (text_.size() > max_head_bytes) throw std::runtime_error("an endless answer head");
      return {};
    }
    if (!text_.starts_with("HTTP/1.1 ")) throw std::runtime_error("no HTTP answer");
    status_ = std::stoi(text_.substr(9, 3));
    chunked_ = text_.substr(0, end + 2).find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos;
    const auto used = end + 4 - before;
    text_ = {};
    return bytes.substr(used);
  }

 private:
  std::string text_;
  int status_ = 0;
  bool chunked_ = false;
};

class sse_decoder final : public stream_decoder {
 public:
  void take(std::string_view bytes, std::vector<told>& out) override {
    bytes = head_.take(bytes);
    if (head_.status() != 200) return;
    raw_ += bytes;
    if (head_.is_chunked()) {
      while (take_chunk()) {
      }
    } else {
      text_ += std::exchange(raw_, {});
    }
    std::size_t used = 0;
    for (auto end = text_.find("\n\n"); end != std::string::npos; end = text_.find("\n\n", used)) {
      read_block(std::string_view(text_).substr(used, end - used), out);
      used = end + 2;
    }
    text_.erase(0, used);
  }
  int status() const override { return head_.status(); }
  bool ended() const override { return ended_; }
  bool inside_frame() const override { return !text_.empty() || !raw_.empty(); }
  std::string take_replies() override { return {}; }

 private:
  bool take_chunk() {
    const auto line_end = raw_.find("\r\n");
    if (ended_ || line_end == std::string::npos) return false;
    const std::size_t bytes = std::stoul(raw_, nullptr, 16);
    const auto begin = line_end + 2;
    if (raw_.size() < begin + bytes + 2) return false;
    if (raw_.compare(begin + bytes, 2, "\r\n") != 0) throw std::runtime_error("a chunk without its end");
    text_.append(raw_, begin, bytes);
    raw_.erase(0, begin + bytes + 2);
    ended_ = bytes == 0;
    return true;
  }

  static void read_block(std::string_view block, std::vector<told>& out) {
    told made;
    made.name = "event";
    bool has_data = false;
    while (!block.empty()) {
      const auto end = std::min(block.find('\n'), block.size());
      const auto line = block.substr(0, end);
      block.remove_prefix(std::min(end + 1, block.size()));
      if (line.starts_with("event: ")) made.name = line.substr(7);
      if (line.starts_with("id: ")) made.id = line.substr(4);
      if (!line.starts_with("data: ")) continue;
      if (has_data) throw std::runtime_error("two lines of data in one event");
      has_data = true;
      made.text = line.substr(6);
    }
    if (has_data) out.push_back(std::move(made));
  }

  answer_head head_;
  std::string raw_, text_;
  bool ended_ = false;
};

class socket_decoder final : public stream_decoder {
 public:
  void take(std::string_view bytes, std::vector<told>& out) override {
    bytes = head_.take(bytes);
    if (head_.status() != 101) return;
    parser_.push(bytes);
    while (auto frame = parser_.next()) {
      if (ended_) throw std::runtime_error("a frame behind the close frame");
      if (frame->masked || frame->reserved != 0 || !frame->final)
        throw std::runtime_error("a server's frame with a mask, reserved bits or in parts");
      read_frame(std::move(*frame), out);
    }
  }
  int status() const override { return head_.status(); }
  bool ended() const override { return ended_; }
  bool inside_frame() const override { return parser_.unfinished_bytes() > 0; }
  std::string take_replies() override { return std::exchange(replies_, {}); }

 private:
  void read_frame(ws_frame frame, std::vector<told>& out) {
    switch (frame.opcode) {
    case ws_opcode::text: {
      constexpr std::string_view begin = R"({"type":")";
      if (!frame.payload.starts_with(begin)) throw std::runtime_error("a frame without a type");
      const auto end = frame.payload.find('"', begin.size());
      told made;
      made.name = frame.payload.substr(begin.size(), end - begin.size());
      made.text = std::move(frame.payload);
      out.push_back(std::move(made));
      break;
    }
    case ws_opcode::ping:
      replies_ += ws_bytes({.opcode = ws_opcode::pong, .masked = true, .payload = std::move(frame.payload)});
      break;
    case ws_opcode::close:
      replies_ += ws_bytes({.opcode = ws_opcode::close, .masked = true, .payload = std::move(frame.payload)});
      ended_ = true;
      break;
    case ws_opcode::pong:
      break;
    default:
      throw std::runtime_error("a frame of an unexpected kind");
    }
  }

  answer_head head_;
  ws_parser parser_;
  std::string replies_;
  bool ended_ = false;
};

} // namespace

std::unique_ptr<stream_decoder> make_sse_decoder() {
  return std::make_unique<sse_decoder>();
}

std::unique_ptr<stream_decoder> make_socket_decoder() {
  return std::make_unique<socket_decoder>();
}

} // namespace synclog::tests::streams
