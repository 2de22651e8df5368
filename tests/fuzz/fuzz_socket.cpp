// What a WebSocket client sends: however the bytes are cut the messages are the same, framed again they are
// the same, and each text that is no command of ours is answered by an error that is JSON. The first byte
// says how the bytes are cut.
#include "core/entity.hpp"
#include "core/json.hpp"
#include "core/utf8.hpp"
#include "fuzz/targets.hpp"
#include "http/streams/socket_frames.hpp"
#include "http/streams/socket_handshake.hpp"
#include "http/streams/socket_reader.hpp"
#include <algorithm>

namespace synclog::fuzz {

namespace streams = http::streams;
using streams::socket_reader;
using kind = socket_reader::kind;

namespace {

constexpr std::size_t max_message_bytes = 1'000;
constexpr std::size_t max_control_bytes = 125;

const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  return *loaded;
}

std::vector<socket_reader::message> read_all(std::string_view bytes, std::size_t step) {
  socket_reader reader(max_message_bytes);
  std::vector<socket_reader::message> made;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.push(bytes.substr(at, step));
    while (auto one = reader.next())
      made.push_back(std::move(*one));
  }
  return made;
}

bool same(const std::vector<socket_reader::message>& left, const std::vector<socket_reader::message>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const auto& a, const auto& b) {
    return a.what == b.what && a.payload == b.payload && a.code == b.code;
  });
}

bool may_close_with(std::uint16_t code) { // RFC 6455, 7.4
  const bool of_the_protocol = code >= 1000 && code <= 1014 && code != 1004 && code != 1006;
  return of_the_protocol || (code >= 3000 && code <= 4999);
}

void check_message(const socket_reader::message& one) {
  switch (one.what) {
  case kind::violation:
    require(one.code == 1002 || one.code == 1007 || one.code == 1009,
            "socket: a violation has a code to close with");
    [[fallthrough]];
  case kind::close:
    require(one.what == kind::violation || may_close_with(one.code),
            "socket: a close has a code that may be sent");
    [[fallthrough]];
  case kind::ping:
  case kind::pong:
    require(one.payload.size() <= max_control_bytes, "socket: a control frame is short");
    break;
  case kind::text:
    require(core::is_valid_utf8(one.payload), "socket: text is UTF-8");
    [[fallthrough]];
  case kind::binary:
    require(one.payload.size() <= max_message_bytes, "socket: no message is larger than the bound");
    break;
  }
  if (one.what == kind::close) require(core::is_valid_utf8(one.payload), "socket: a close says why in UTF-8");
}

unsigned opcode_of(kind what) {
  switch (what) {
  case kind::text:
    return 0x1;
  case kind::binary:
    return 0x2;
  case kind::close:
    return 0x8;
  case kind::ping:
    return 0x9;
  default:
    return 0xa;
  }
}

void append_frame(std::string& out, unsigned first_byte, std::string_view payload) {
  static constexpr unsigned char mask[] = {0x5a, 0x00, 0xff, 0x13};
  out.push_back(static_cast<char>(first_byte));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | 126));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xff));
  }
  out.append(reinterpret_cast<const char*>(mask), sizeof mask);
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % sizeof mask]));
}

// Every message in two fragments with a ping between, where fragments are allowed.
void check_framed_again(std::vector<socket_reader::message> messages) {
  if (!messages.empty() && messages.back().what == kind::violation) messages.pop_back();
  std::string whole, halves;
  std::vector<socket_reader::message> with_pings;
  for (const auto& one : messages) {
    std::string payload = one.payload;
    if (one.what == kind::close && one.code != 1005)
      payload = std::string{static_cast<char>(one.code >> 8), static_cast<char>(one.code & 0xff)} + payload;
    append_frame(whole, 0x80 | opcode_of(one.what), payload);
    if (one.what == kind::text || one.what == kind::binary) {
      append_frame(halves, opcode_of(one.what), payload.substr(0, payload.size() / 2));
      append_frame(halves, 0x89, "?");
      append_frame(halves, 0x80, payload.substr(payload.size() / 2));
      with_pings.push_back({kind::ping, "?", 0});
    } else {
      append_frame(halves, 0x80 | opcode_of(one.what), payload);
    }
    with_pings.push_back(one);
  }
  require(same(read_all(whole, SIZE_MAX / 2), messages), "socket: messages framed again are the same");
  require(same(read_all(halves, SIZE_MAX / 2), with_pings), "socket: messages in two fragments are the same");
}

bool is_json_object(const std::string& text) {
  const auto parsed = core::json::parse(text);
  return parsed && parsed->defects().empty() && parsed->root().kind == core::json::kind::object;
}

void check_subscribe(const streams::subscribe_frame& frame) {
  for (const auto* list : {&frame.branches, &frame.ids, &frame.actions})
    require(!*list || !(*list)->empty(), "socket: a filter is never of no values");
  if (frame.channels)
    for (const auto& name : *frame.channels)
      require(entities().find(name) != nullptr, "socket: a channel is an entity");
  for (const auto& name : frame.unknown)
    require(entities().find(name) == nullptr, "socket: an unknown channel is no entity");
  require(!frame.after || core::parse_cursor(*frame.after), "socket: after is a cursor");
  require(is_json_object(
              streams::subscribed_text(frame.subscription, frame.channels, frame.unknown, {}, entities())),
          "socket: the answer to a subscription is JSON");
}

void check_command(std::string_view text) {
  const auto command = streams::parse_client_frame(text, entities());
  if (!command) {
    // What is quoted from the client's text stays text: an error is sent as one, too.
    const std::string answer = streams::error_text(command.error());
    require(!core::is_valid_utf8(text) || is_json_object(answer), "socket: an error frame is JSON");
    return;
  }
  if (const auto* subscribed = std::get_if<streams::subscribe_frame>(&*command)) check_subscribe(*subscribed);
  if (const auto* ended = std::get_if<streams::unsubscribe_frame>(&*command))
    require(is_json_object(streams::unsubscribed_text(
                ended->subscription, ended->channels.value_or(std::vector<std::string>()), {})),
            "socket: the answer to an unsubscription is JSON");
}

} // namespace

void socket(std::string_view input) {
  if (input.empty()) return;
  const std::size_t step = 1 + static_cast<unsigned char>(input.front());
  const std::string_view bytes = input.substr(1);
  const auto messages = read_all(bytes, SIZE_MAX / 2);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    check_message(messages[i]);
    require(messages[i].what != kind::violation || i + 1 == messages.size(),
            "socket: nothing comes after a violation");
    if (messages[i].what == kind::text) check_command(messages[i].payload);
  }
  for (const std::size_t cut : {std::size_t{1}, step})
    require(same(read_all(bytes, cut), messages),
            "socket: however the bytes are cut, the messages are the same");
  check_framed_again(messages);
  check_command(bytes);
  require(streams::socket_accept(bytes).size() == 28, "socket: a key is answered by a digest");
}

} // namespace synclog::fuzz
