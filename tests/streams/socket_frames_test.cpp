// Frames that a client must not send, and the unusual ones that it may.
#include "tests/http/records_support.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

constexpr std::size_t max_message_bytes = 64u << 10;

ws_client open_socket() {
  return ws_client(server_fixture::shared().port());
}

std::string text_of(std::size_t bytes) {
  return R"({"type":")" + std::string(bytes - 11, 'x') + "\"}";
}

// What came over the wire when nobody is left to send any more: the code of the close frame, and no reset,
// which could take the frame along.
std::uint16_t close_after(const std::string& bytes) {
  auto socket = open_socket();
  socket.next_of("hello");
  socket.wire().send(bytes);
  const auto code = socket.next_close();
  CHECK(socket.wire().closed_by_server());
  CHECK(!socket.wire().was_reset());
  return code;
}

ws_frame masked(ws_opcode opcode, std::string payload) {
  return {.opcode = opcode, .masked = true, .payload = std::move(payload)};
}

} // namespace

TEST_CASE("socket: a message over 64 KiB closes with 1009, one of 64 KiB is read") {
  CHECK(close_after(ws_text(text_of(max_message_bytes + 1))) == 1009);
  auto socket = open_socket();
  socket.send_text(text_of(max_message_bytes));
  CHECK(at(socket.next_of("error"), "/code") == "bad_request");
  socket.send_text(R"({"type":"ping"})");
  socket.next_of("pong");
}

TEST_CASE("socket: a length of 2^62 is refused before its bytes are waited for, and so is a long sum of "
          "fragments") {
  auto huge = ws_bytes(masked(ws_opcode::text, std::string(70'000, 'x'))).substr(0, 14);
  huge[2] = 0x40; // the highest byte of the length
  CHECK(close_after(huge) == 1009);
  std::string fragments;
  for (int i = 0; i < 65; ++i) {
    auto part = masked(i == 0 ? ws_opcode::text : ws_opcode::more, std::string(1'024, 'x'));
    part.final = false;
    fragments += ws_bytes(part);
  }
  CHECK(close_after(fragments) == 1009);
}

TEST_CASE("socket: a violation of the protocol closes with 1002") {
  auto compressed = masked(ws_opcode::text, "\xaa\x56\x2a");
  compressed.reserved = 4;
  CHECK(close_after(ws_bytes(compressed)) == 1002);
  for (const int bit : {2, 1}) {
    auto reserved = masked(ws_opcode::text, "{}");
    reserved.reserved = static_cast<std::uint8_t>(bit);
    CHECK(close_after(ws_bytes(reserved)) == 1002);
  }
  for (const int opcode : {0x3, 0x7, 0xb, 0xf})
    CHECK(close_after(ws_bytes(masked(static_cast<ws_opcode>(opcode), ""))) == 1002);
  CHECK(close_after(ws_bytes({.opcode = ws_opcode::text, .payload = R"({"type":"ping"})"})) == 1002);
  CHECK(close_after(ws_bytes({.opcode = ws_opcode::ping})) == 1002);
  auto split_ping = masked(ws_opcode::ping, "");
  split_ping.final = false;
  CHECK(close_after(ws_bytes(split_ping)) == 1002);
  CHECK(close_after(ws_bytes(masked(ws_opcode::ping, std::string(126, 'x')))) == 1002);
  CHECK(close_after(ws_bytes(masked(ws_opcode::more, "tail without a head"))) == 1002);
  auto begun = masked(ws_opcode::text, "{");
  begun.final = false;
  CHECK(close_after(ws_bytes(begun) + ws_text("{}")) == 1002);
}

TEST_CASE("socket: text that is not UTF-8 closes with 1007") {
  for (const char* bad : {"\xff", "{\"type\":\"\xc3\"}", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc0\xaf"}) {
    CAPTURE(bad);
    CHECK(close_after(ws_text(bad)) == 1007);
  }
}

TEST_CASE("socket: a close frame with a broken payload closes, without its words") {
  CHECK(close_after(ws_bytes(masked(ws_opcode::close, "\x03"))) == 1002);
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65'535})
    CHECK(close_after(ws_bytes(
              masked(ws_opcode::close, ws_close_payload(static_cast<std::uint16_t>(code))))) == 1002);
  const auto not_utf8 = close_after(ws_bytes(masked(ws_opcode::close, ws_close_payload(1000, "\xff\xff"))));
  CHECK((not_utf8 == 1002 || not_utf8 == 1007));
}

TEST_CASE("socket: binary frames and broken JSON get an error frame, and the socket stays") {
  auto socket = open_socket();
  socket.send(masked(ws_opcode::binary, R"({"type":"ping"})"));
  CHECK(at(socket.next_of("error"), "/code") == "bad_request");
  struct bad_text {
    const char *text, *code;
  };
  for (const auto& [text, code] : {
           bad_text{"", "malformed"},
           bad_text{"{", "malformed"},
           bad_text{"nonsense", "malformed"},
           bad_text{R"({"type":"ping"} {"type":"ping"})", "malformed"},
           bad_text{"[]", "bad_request"},
           bad_text{"7", "bad_request"},
           bad_text{R"({"type":7})", "bad_request"},
           bad_text{R"({"type":"shout"})", "bad_request"},
           bad_text{R"({"type":"subscribe","chanels":["clients"]})", "bad_request"},
           bad_text{R"({"type":"subscribe","channels":[7]})", "bad_request"},
           bad_text{R"({"type":"subscribe","action":"eaten"})", "bad_request"},
           bad_text{R"({"type":"subscribe","after":"yesterday"})", "bad_request"},
           bad_text{R"({"type":"subscribe","after":-1})", "bad_request"},
           bad_text{R"({"type":"unsubscribe","subscription":"none"})", "bad_request"},
       }) {
    CAPTURE(text);
    socket.send_text(text);
    const auto error = socket.next_of("error");
    CHECK(at(error, "/code") == code);
    CHECK(!at(error, "/detail").empty());
  }
  socket.send_text(R"({"type":"ping"})");
  CHECK(socket.next_text() == R"({"type":"pong"})");
}

TEST_CASE("socket: JSON as deep as the frame is long is an error, not the end of the server") {
  auto socket = open_socket();
  socket.send_text(std::string(60'000, '['));
  socket.next_of("error");
  std::string nested;
  for (int i = 0; i < 9'000; ++i)
    nested += R"({"a":)";
  socket.send_text(nested + "1" + std::string(9'000, '}'));
  socket.next_of("error");
  socket.send_text(R"({"type":"ping"})");
  socket.next_of("pong");
}

TEST_CASE("socket: fragments join, with control frames between them and characters cut in two") {
  auto socket = open_socket();
  socket.next_of("hello");
  const std::string frame =
      "{\"type\":\"subscribe\",\"channels\":[\"clients\"],\"subscription\":\"m\xc3\xa4rz\"}";
  const auto cut = frame.find("\xc3") + 1;
  auto first = masked(ws_opcode::text, frame.substr(0, cut));
  first.final = false;
  socket.send(first);
  socket.send(masked(ws_opcode::ping, "between"));
  const auto pong = socket.next_frame();
  REQUIRE(pong);
  CHECK(pong->opcode == ws_opcode::pong);
  CHECK(pong->payload == "between");
  auto empty = masked(ws_opcode::more, "");
  empty.final = false;
  socket.send(empty);
  socket.send(masked(ws_opcode::pong, "nobody asked"));
  socket.send(masked(ws_opcode::more, frame.substr(cut)));
  CHECK(at(socket.next_of("subscribed"), "/subscription") == "m\xc3\xa4rz");
}

TEST_CASE("socket: a client's close frame is echoed, and nothing follows it") {
  for (const auto& [payload, code] :
       {std::pair<std::string, int>{ws_close_payload(1000, "bye"), 1000},
        std::pair<std::string, int>{ws_close_payload(4999), 4999}, std::pair<std::string, int>{"", 1000}}) {
    auto socket = open_socket();
    socket.send_text(R"({"type":"subscribe","after":0})");
    socket.next_of("caught_up");
    socket.send(masked(ws_opcode::close, payload));
    CHECK(socket.next_close() == code);
    CHECK(!socket.next_frame());
    CHECK(!socket.wire().was_reset());
  }
}

TEST_CASE("socket: a client that goes in the middle of a frame leaves nothing behind") {
  const server_fixture server;
  for (int i = 0; i < 40; ++i) {
    ws_client socket(server.port());
    socket.send_text(R"({"type":"subscribe"})");
    socket.next_of("caught_up");
    socket.wire().send(ws_text(R"({"type":"ping"})").substr(0, 5));
    if (i % 2 == 0)
      socket.wire().reset();
    else
      socket.wire().close();
  }
  CHECK(wait_until([&] { return metric(server.port(), "synclog_http_streams") == 0; }));
}
