// Request-targets: decoding and what is refused.
#include "http/query_string.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog;
using http::parse_query;
using http::parse_target;

TEST_CASE("target: path and query are split and decoded") {
  const auto got = parse_target("/api/clients/CLT-%31%20x?search=a+b%2Bc&branch=&flag&&id=%C3%A9");
  REQUIRE(got.has_value());
  CHECK(got->path == "/api/clients/CLT-1 x");
  CHECK(got->segments == std::vector<std::string>{"api", "clients", "CLT-1 x"});
  CHECK(got->raw_query == "search=a+b%2Bc&branch=&flag&&id=%C3%A9");
  CHECK(got->query ==
        http::parameter_list{{"search", "a b+c"}, {"branch", ""}, {"flag", ""}, {"id", "\xC3\xA9"}});
}

TEST_CASE("target: a plus in the path is a plus") {
  CHECK(parse_target("/api/clients/a+b")->segments.back() == "a+b");
}

TEST_CASE("target: the root has no segments, a trailing slash has an empty one") {
  CHECK(parse_target("/")->segments.empty());
  CHECK(parse_target("/?a=1")->query.size() == 1);
  CHECK(parse_target("/api/")->segments == std::vector<std::string>{"api", ""});
  CHECK(parse_target("//")->segments == std::vector<std::string>{"", ""});
}

TEST_CASE("target: the absolute form gives its authority") {
  const auto got = parse_target("HTTP://localhost:8080/api?x=1");
  REQUIRE(got.has_value());
  CHECK(got->authority == "localhost:8080");
  CHECK(got->path == "/api");
  CHECK(parse_target("http://localhost")->path == "/");
  CHECK(parse_target("http://localhost?x=1")->query.size() == 1);
}

TEST_CASE("target: what is not clearly right is refused") {
  for (const char* target :
       {"/%", "/%4", "/%zz", "/a%00b", "/%ff", "/%c3", "/a?x=%ed%a0%80", "/a?x=%0", "/a%2Fb", "/a%2fb",
        "/a#b", "a", "ftp://localhost/", "http:///x", "/\xff", "**"}) {
    CAPTURE(target);
    const auto got = parse_target(target);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == core::problem_code::bad_request);
  }
}

TEST_CASE("target: raw UTF-8 is taken as it is") {
  CHECK(parse_target("/\xC3\xA9")->path == "/\xC3\xA9");
}

TEST_CASE("query: repeated names stay in order") {
  CHECK(*parse_query("id=1&id=2&id=1") == http::parameter_list{{"id", "1"}, {"id", "2"}, {"id", "1"}});
  CHECK(parse_query("")->empty());
  CHECK(*parse_query("a==b") == http::parameter_list{{"a", "=b"}});
}

TEST_CASE("target: any text of UTF-8 survives encoding and decoding") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces{
      "a",  "%",  "&", "=", "+", " ", "?", "#", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
      "\n", "\"", "/"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text, encoded;
    const int length = static_cast<int>(random() % 12);
    for (int i = 0; i < length; ++i)
      text += pieces[random() % pieces.size()];
    static constexpr char digits[] = "0123456789abcdef";
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
    const auto got = parse_query("k=" + encoded);
    REQUIRE(got.has_value());
    CHECK(got->front().second == text);
  }
}

TEST_CASE("target: random bytes never crash and what is accepted is UTF-8 without NUL") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "/";
    const int length = static_cast<int>(random() % 24);
    for (int i = 0; i < length; ++i)
      text += random() % 3 == 0 ? "%/?&=+#"[random() % 7] : static_cast<char>(random());
    const auto got = parse_target(text);
    if (got) CHECK(got->path.find('\0') == std::string::npos);
  }
}
