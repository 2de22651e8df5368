// A client's WebSocket frames, however they are cut; whole sockets are in tests/streams.
#include "http/streams/socket_handshake.hpp"
#include "http/streams/socket_reader.hpp"
#include <doctest/doctest.h>
#include <random>
#include <vector>

using synclog::http::streams::socket_reader;
using kind = socket_reader::kind;

namespace {

std::string frame(unsigned first_byte, std::string payload, bool masked = true) {
  const unsigned char mask[] = {0x37, 0xfa, 0x21, 0x3d};
  std::string out(1, static_cast<char>(first_byte));
  const auto mask_bit = static_cast<char>(masked ? 0x80 : 0);
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(mask_bit | static_cast<char>(payload.size())));
  } else {
    out.push_back(static_cast<char>(mask_bit | 126));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xff));
  }
  for (std::size_t i = 0; masked && i < 4; ++i)
    out.push_back(static_cast<char>(mask[i]));
  for (std::size_t i = 0; masked && i < payload.size(); ++i)
    payload[i] = static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
  return out + payload;
}

std::string described(const socket_reader::message& one) {
  return std::to_string(static_cast<int>(one.what)) + " " + std::to_string(one.code) + " " + one.payload;
}

std::vector<std::string> read_all(socket_reader& reader) {
  std::vector<std::string> made;
  while (auto one = reader.next())
    made.push_back(described(*one));
  return made;
}

std::string described(kind what, int code, const std::string& payload) {
  return described({what, payload, static_cast<std::uint16_t>(code)});
}

} // namespace

TEST_CASE("socket reader: however the bytes are cut, the messages are the same") {
  const std::string long_text(700, 'x');
  const std::string bytes = frame(0x81, "one") + frame(0x01, "two ") + frame(0x89, "still there?") +
                            frame(0x00, "") + frame(0x80, "halves") + frame(0x82, long_text) +
                            frame(0x8a, "") + frame(0x88, "\x03\xe8 bye");
  const std::vector<std::string> expected{
      described(kind::text, 0, "one"),        described(kind::ping, 0, "still there?"),
      described(kind::text, 0, "two halves"), described(kind::binary, 0, long_text),
      described(kind::pong, 0, ""),           described(kind::close, 1000, " bye")};
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    socket_reader reader(1'000);
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto piece = std::min<std::size_t>(1 + random() % (seed % 2 == 0 ? 4 : 300), bytes.size() - at);
      reader.push(std::string_view(bytes).substr(at, piece));
      at += piece;
      for (auto& one : read_all(reader))
        got.push_back(std::move(one));
    }
    CHECK(got == expected);
  }
}

TEST_CASE("socket reader: after a violation nothing more comes") {
  socket_reader reader(1'000);
  reader.push(frame(0x81, "good") + frame(0x81, "not masked", false) + frame(0x81, "late"));
  CHECK(read_all(reader) == std::vector<std::string>{described(kind::text, 0, "good"),
                                                     described(kind::violation, 1002, "not masked")});
  reader.push(frame(0x81, "later"));
  CHECK(read_all(reader).empty());
}

TEST_CASE("socket reader: a length in more bytes than it needs is refused") {
  socket_reader reader(1'000);
  reader.push(std::string("\x81\xfe\x00\x05", 4));
  CHECK(read_all(reader) == std::vector<std::string>{described(kind::violation, 1002, "length")});
}

TEST_CASE("socket reader: the bound counts fragments together, and not the control frames between them") {
  socket_reader reader(10);
  reader.push(frame(0x01, "12345") + frame(0x89, std::string(100, 'p')) + frame(0x80, "67890"));
  CHECK(read_all(reader).size() == 2);
  reader.push(frame(0x01, "12345") + frame(0x80, "678901"));
  CHECK(read_all(reader) == std::vector<std::string>{described(kind::violation, 1009, "too big")});
}

TEST_CASE("socket handshake: the sample of RFC 6455") {
  CHECK(synclog::http::streams::socket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
