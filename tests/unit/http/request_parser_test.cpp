// Strict reading of request heads and bodies, without sockets.
#include "http/request_parser.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog;
using http::head_scanner;
using http::request_parser;
using code = core::problem_code;

namespace {

struct outcome {
  std::optional<core::problem> refused;
  std::string body;
  bool done = false;
  std::string rest;
};

// Reads a whole request that arrives in pieces of `step` bytes.
outcome read(std::string_view text, std::size_t step = SIZE_MAX, std::size_t max_body = 1u << 20,
             std::size_t max_bodies = 1u << 30) {
  http::body_budget budget;
  budget.max_bytes = max_bodies;
  outcome out;
  {
    request_parser parser(max_body, budget);
    head_scanner scanner(8'192, 16'384);
    std::string input;
    bool head = false;
    std::size_t fed = 0;
    while (fed < text.size() && !out.done) {
      const std::string_view piece = text.substr(fed, step);
      input += piece;
      fed += piece.size();
      if (!head) {
        const auto verdict = scanner.scan(input);
        if (verdict == head_scanner::verdict::refused) {
          out.refused = scanner.refusal();
          return out;
        }
        if (verdict == head_scanner::verdict::incomplete) continue;
        out.refused = parser.read_head(std::string_view(input).substr(0, scanner.head_bytes()));
        if (out.refused) return out;
        input.erase(0, scanner.head_bytes());
        head = true;
      }
      if (!parser.done() && !input.empty()) {
        const auto used = parser.read_body(input);
        if (!used) {
          out.refused = used.error();
          return out;
        }
        input.erase(0, *used);
      }
      out.done = parser.done();
    }
    out.body = parser.request().body;
    out.rest = input + std::string(text.substr(std::min(fed, text.size())));
  }
  CHECK(budget.used == 0);
  return out;
}

const std::string chunked_head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace

TEST_CASE("parser: a body is the same however its bytes arrive") {
  const std::string sized = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldNEXT";
  const std::string chunked =
      chunked_head + "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n \r\n05\r\nworld\r\n0\r\nTrailer: 1\r\n\r\nNEXT";
  const std::string empty = chunked_head + "0\r\n\r\nNEXT";
  for (std::size_t step = 1; step <= 80; ++step) {
    CAPTURE(step);
    for (const std::string* text : {&sized, &chunked}) {
      const outcome got = read(*text, step);
      CHECK_FALSE(got.refused);
      CHECK(got.done);
      CHECK(got.body == "hello world");
      CHECK(got.rest == "NEXT");
    }
    const outcome none = read(empty, step);
    CHECK(none.done);
    CHECK(none.body.empty());
    CHECK(none.rest == "NEXT");
  }
}

TEST_CASE("parser: what two readers could understand differently is refused") {
  const std::vector<std::string> heads{
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX y: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
      std::string("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 35),
      "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
      "GET / http/1.1\r\nHost: a\r\n\r\n",
      "GET /\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\x02\r\n\r\n",
  };
  for (const std::string& head : heads) {
    CAPTURE(head);
    for (const std::size_t step : {std::size_t{1}, SIZE_MAX}) {
      const outcome got = read(head, step);
      REQUIRE(got.refused);
      CHECK(got.refused->code == code::bad_request);
    }
  }
}

TEST_CASE("parser: chunks that are not framed exactly are refused") {
  for (const std::string& body : std::vector<std::string>{
           "x\r\n\r\n", "\r\n\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
           "5\r\nhelloX\r\n0\r\n\r\n", "-1\r\n\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
           "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
           "ffffffffffffffffff\r\nx\r\n", "0\r\nbad trailer\r\n\r\n", "0;a=\"\n\"\r\n\r\n",
           "5;=\r\nhello\r\n0\r\n\r\n"}) {
    CAPTURE(body);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
      const outcome got = read(chunked_head + body, step);
      CHECK(got.refused);
    }
  }
}

TEST_CASE("parser: endless chunk framing is refused at its bound") {
  CHECK(read(chunked_head + "5;" + std::string(20'000, 'a'), 1'000).refused);
  CHECK(read(chunked_head + "0\r\n" + std::string(20'000, 'a'), 1'000).refused);
}

TEST_CASE("parser: trailers do not become headers") {
  http::body_budget budget;
  budget.max_bytes = 1u << 20;
  request_parser parser(1'000, budget);
  REQUIRE_FALSE(parser.read_head(chunked_head));
  REQUIRE(parser.read_body("0\r\nAuthorization: Bearer x\r\n\r\n").has_value());
  CHECK(parser.done());
  CHECK(parser.request().header("authorization").empty());
}

TEST_CASE("parser: a body of the largest size is taken, one byte more is not") {
  const std::string exact(1'000, 'x');
  const auto sized = [](const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  CHECK_FALSE(read(sized(exact), 100, 1'000).refused);
  const outcome sized_over = read(sized(exact + "y"), 100, 1'000);
  REQUIRE(sized_over.refused);
  CHECK(sized_over.refused->code == code::too_large);

  const auto chunked = [](const std::string& last) {
    return chunked_head + "3e7\r\n" + std::string(999, 'x') + "\r\n" + last;
  };
  const outcome taken = read(chunked("1\r\ny\r\n0\r\n\r\n"), 64, 1'000);
  CHECK_FALSE(taken.refused);
  CHECK(taken.body.size() == 1'000);
  const outcome chunked_over = read(chunked("2\r\nyy\r\n0\r\n\r\n"), 64, 1'000);
  REQUIRE(chunked_over.refused);
  CHECK(chunked_over.refused->code == code::too_large);
}

TEST_CASE("parser: bodies share one budget and give it back") {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'x');
  CHECK_FALSE(read(text, 1'000, 1u << 20, 262'144).refused);
  const outcome over = read(text, 1'000, 1u << 20, 131'072);
  REQUIRE(over.refused);
  CHECK(over.refused->code == code::overloaded);
}

TEST_CASE("parser: a body that nobody needs any more is gone, and its room is there for others") {
  http::body_budget budget;
  budget.max_bytes = 262'144;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n";
  request_parser first(1u << 20, budget), second(1u << 20, budget);
  REQUIRE_FALSE(first.read_head(head));
  REQUIRE(first.read_body(std::string(200'000, 'x')).has_value());
  first.drop_body();
  CHECK(first.request().body.capacity() < 100);
  CHECK(first.done());
  CHECK(budget.used == 0);
  REQUIRE_FALSE(second.read_head(head));
  CHECK(second.read_body(std::string(200'000, 'x')).has_value());
  first.drop_body();
  CHECK(budget.used > 0);
}

TEST_CASE("scanner: target and headers have bounds of their own, exact to the byte") {
  const auto verdict_of = [](std::size_t target_bytes, std::size_t header_bytes) {
    std::string text = "GET /" + std::string(target_bytes - 1, 'a') + " HTTP/1.1\r\n";
    text += "X: " + std::string(header_bytes - 7, 'b') + "\r\n\r\n";
    head_scanner scanner(8'192, 16'384);
    const auto verdict = scanner.scan(text);
    return verdict == head_scanner::verdict::refused ? std::optional(scanner.refusal().code) : std::nullopt;
  };
  CHECK(verdict_of(10, 16'384) == std::nullopt);
  CHECK(verdict_of(10, 16'385) == code::header_too_large);
  CHECK(verdict_of(8'192, 16'384) == std::nullopt);
  CHECK(verdict_of(8'193 + 64, 100) == code::uri_too_long);
}

TEST_CASE("scanner: why a head is refused does not depend on the pieces in which it comes") {
  const std::string line = "GET /" + std::string(200, 'a'), good = "GET / HTTP/1.1\r\n";
  const std::pair<std::string, code> heads[]{
      {line + "\nx", code::uri_too_long},
      {line + " HTTP/1.1\r\nX: a\nY: b", code::uri_too_long},
      {good + "X: " + std::string(150, 'b') + "\nY: c", code::header_too_large},
      {good + "X: b\nY: " + std::string(150, 'b'), code::bad_request},
      {"GET / HTTP/1.1\nX: " + std::string(300, 'b'), code::bad_request}};
  for (const auto& [head, why] : heads) {
    CAPTURE(head);
    for (std::size_t step = 1; step <= head.size(); ++step) {
      head_scanner scanner(64, 100);
      auto verdict = head_scanner::verdict::incomplete;
      for (std::size_t end = step; verdict == head_scanner::verdict::incomplete && end < head.size() + step;
           end += step)
        verdict = scanner.scan(std::string_view(head).substr(0, std::min(end, head.size())));
      REQUIRE(verdict == head_scanner::verdict::refused);
      CHECK(scanner.refusal().code == why);
    }
  }
}

TEST_CASE("scanner: one empty line before a request is dropped, however it is cut, and a second one is not") {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string& blanks : {std::string(), std::string("\r\n"), std::string("\r\n\r\n")}) {
    for (std::size_t step = 1; step <= 5; ++step) {
      head_scanner scanner(8'192, 16'384);
      std::string input;
      auto verdict = head_scanner::verdict::incomplete;
      const std::string sent = blanks + request;
      for (std::size_t at = 0; at < sent.size() && verdict == head_scanner::verdict::incomplete; at += step) {
        input += sent.substr(at, step);
        input.erase(0, scanner.leading_blank_bytes(input));
        verdict = scanner.scan(input);
      }
      CAPTURE(step);
      REQUIRE(verdict == head_scanner::verdict::complete);
      CHECK(input.substr(0, scanner.head_bytes()) == (blanks.size() > 2 ? "\r\n" : request));
    }
  }
}

TEST_CASE("parser: a control character is refused wherever it stands, every other byte of a value is taken") {
  for (int byte = 1; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '\r' || c == '\n') continue; // they end the line
    const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
    for (std::size_t at = 1; at < 40; ++at) {
      std::string value(40, 'v');
      value[at] = c;
      CAPTURE(byte);
      CAPTURE(at);
      const auto valued = read("GET / HTTP/1.1\r\nHost: a\r\nX-Any: " + value + "v\r\n\r\n");
      CHECK(valued.done == !control);
      if (control) CHECK(valued.refused.value().detail == "a header has a control character");
      const auto targeted = read("GET /" + value + "v HTTP/1.1\r\nHost: a\r\n\r\n");
      if (control) CHECK(targeted.refused.value().detail == "the request line has a control character");
    }
  }
}

TEST_CASE("parser: a header's name is made of letters, digits and a few marks") {
  const std::string_view marks = "!#$%&'*+-.^_`|~";
  for (int byte = 1; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '\r' || c == '\n' || c == ':') continue; // the end of the line, and of the name
    CAPTURE(byte);
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const auto named = read(std::string("GET / HTTP/1.1\r\nHost: a\r\nX") + c + "y: v\r\n\r\n");
    CHECK(named.done == (letter || marks.find(c) != std::string_view::npos));
  }
}

TEST_CASE("parser: a hundred headers are taken, one more is not") {
  const auto with = [](int count) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < count; ++i)
      text += "x" + std::to_string(i) + ": y\r\n";
    return read(text + "\r\n");
  };
  CHECK_FALSE(with(100).refused);
  const outcome over = with(101);
  REQUIRE(over.refused);
  CHECK(over.refused->code == code::header_too_large);
}

TEST_CASE("parser: mangled requests never crash it, whole or in pieces") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> originals{
      "POST /x?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\nhello world",
      chunked_head + "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
      "GET http://a/ HTTP/1.0\r\nConnection: close, x\r\nExpect: 100-continue\r\n\r\n",
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string text = originals[random() % originals.size()];
    for (unsigned edits = random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 3);
        break;
      case 2:
        text.insert(at, 1, "\r\n\0 :;\"0\t"[random() % 9]);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 9));
        break;
      }
      if (text.empty()) text = "x";
    }
    read(text, 1 + random() % 40);
  }
}
