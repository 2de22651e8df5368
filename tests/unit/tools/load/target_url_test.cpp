// URLs of servers to load, and which of them are this machine.
#include "tools/load/target_url.hpp"
#include <doctest/doctest.h>
#include <string>

using namespace synclog::tools::load;

namespace {

std::string refusal(std::string_view text) {
  const auto parsed = parse_url(text);
  return parsed ? "" : parsed.error().detail;
}

bool loopback(std::string_view url) {
  const auto address = resolve(*parse_url(url));
  REQUIRE(address.has_value());
  return address->is_loopback();
}

} // namespace

TEST_CASE("target url: host, port and base path are taken apart") {
  const auto plain = parse_url("http://127.0.0.1:8080");
  REQUIRE(plain.has_value());
  CHECK(plain->host == "127.0.0.1");
  CHECK(plain->port == 8080);
  CHECK(plain->prefix == "");
  CHECK(plain->authority() == "127.0.0.1:8080");
  const auto based = parse_url("http://example.org/base/");
  REQUIRE(based.has_value());
  CHECK(based->port == 80);
  CHECK(based->prefix == "/base");
  CHECK(based->authority() == "example.org");
  const auto six = parse_url("http://[::1]:9000/");
  REQUIRE(six.has_value());
  CHECK(six->host == "::1");
  CHECK(six->prefix == "");
  CHECK(six->authority() == "[::1]:9000");
}

TEST_CASE("target url: what is wrong is refused, with what is right") {
  for (const std::string_view text :
       {"", "127.0.0.1:8080", "ftp://x", "https://x", "http://", "http://:80", "http://x:0", "http://x:65536",
        "http://x:80a", "http://x:", "http://[::1", "http://[::1]80", "http://x?y=1", "http://x#y",
        "http://a@x", "http://x y", "http://x\r\nHost: y"}) {
    CAPTURE(text);
    CHECK(refusal(text).find("http://127.0.0.1:8080") != std::string::npos);
  }
}

TEST_CASE("target url: only the loopback net is this machine") {
  CHECK(loopback("http://127.0.0.1"));
  CHECK(loopback("http://127.9.9.9"));
  CHECK(loopback("http://localhost"));
  CHECK(loopback("http://[::1]"));
  CHECK(loopback("http://[::ffff:127.0.0.1]"));
  CHECK_FALSE(loopback("http://128.0.0.1"));
  CHECK_FALSE(loopback("http://10.0.0.1"));
  CHECK_FALSE(loopback("http://0.0.0.0"));
  CHECK_FALSE(loopback("http://[::2]"));
  CHECK_FALSE(loopback("http://[::ffff:10.0.0.1]"));
  CHECK_FALSE(resolve(*parse_url("http://no-such-host.invalid")).has_value());
}
