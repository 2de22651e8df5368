// Answers read from bytes in any pieces.
#include "tools/load/response_reader.hpp"
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <utility>
#include <vector>

using synclog::tools::load::response_reader;

namespace {

struct seen {
  int status = 0;
  std::string body;
  bool keeps = true;
  friend bool operator==(const seen&, const seen&) = default;
};

std::string shown(const std::vector<seen>& all) {
  std::string out;
  for (const auto& one : all)
    out += std::to_string(one.status) + (one.keeps ? " keeps " : " closes ") + one.body + "\n";
  return out;
}

// All answers of a connection that gives these pieces and ends; stops at what is broken.
std::vector<seen> read_all(const std::vector<std::string>& pieces, bool& broken) {
  response_reader reader;
  std::vector<seen> made;
  seen current;
  const auto finish = [&] {
    current.status = reader.status();
    current.keeps = reader.keeps_connection();
    CHECK(reader.body_bytes() == current.body.size());
    made.push_back(std::exchange(current, {}));
    reader.reset();
  };
  broken = false;
  for (const auto& piece : pieces) {
    std::string_view left = piece;
    while (!left.empty()) {
      const auto step = reader.take(left);
      current.body += step.body;
      left.remove_prefix(step.used);
      if (reader.broken()) {
        broken = true;
        return made;
      }
      if (reader.done()) finish();
    }
  }
  reader.end_of_stream();
  if (reader.done()) finish();
  return made;
}

std::vector<std::string> cut(const std::string& text, std::mt19937_64& random) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = 1 + random() % (random() % 4 == 0 ? 40 : 3);
    pieces.push_back(text.substr(at, length));
    at += length;
  }
  return pieces;
}

bool is_broken(const std::string& text) {
  bool broken = false;
  read_all({text}, broken);
  return broken;
}

} // namespace

TEST_CASE("response reader: answers one after the other are the same in whatever pieces they come") {
  const std::string text =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n"
      "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
      "5\r\nhello\r\n1;name=value\r\n,\r\n006\r\n world\r\n0\r\nTrailer: yes\r\n\r\n"
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nCONTENT-LENGTH:  2 \r\n\r\n{}"
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"
      "HTTP/1.1 503 Busy\r\n\r\nto the end";
  const std::vector<seen> wanted{{200, "hello", true}, {204, "", true},           {200, "hello, world", true},
                                 {201, "{}", true},    {304, "", true},           {200, "", false},
                                 {200, "x", true},     {503, "to the end", false}};
  bool broken = false;
  CHECK(shown(read_all({text}, broken)) == shown(wanted));
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    REQUIRE(shown(read_all(cut(text, random), broken)) == shown(wanted));
    REQUIRE_FALSE(broken);
  }
}

TEST_CASE("response reader: an upgrade ends with its head, and what follows is left to others") {
  response_reader reader;
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  const auto bytes = head + "\x81\x02hi";
  CHECK(reader.take(bytes).used == head.size());
  CHECK(reader.done());
  CHECK(reader.status() == 101);
}

TEST_CASE("response reader: what is no HTTP answer is broken") {
  CHECK(is_broken("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 2x0 OK\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 099 Low\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"));
  CHECK(is_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(2'000, '1')));
  CHECK(is_broken(std::string(response_reader::max_head_bytes + 1, 'x')));
  CHECK_FALSE(is_broken("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"));
}

TEST_CASE("response reader: an answer that stops in the middle is not done") {
  for (const std::string text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"}) {
    bool broken = false;
    CHECK(read_all({text}, broken).empty());
    CHECK_FALSE(broken);
  }
}
