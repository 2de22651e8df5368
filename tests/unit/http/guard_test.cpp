// Host, Origin and the CORS allow-list.
#include "http/request_guard.hpp"
#include <doctest/doctest.h>
#include <stdexcept>

using namespace synclog;
using http::request_guard;

namespace {

request_guard local_guard(std::vector<std::string> cors = {}, std::vector<std::string> urls = {}) {
  return request_guard(http::guard_options{.listen_hosts = {"127.0.0.1"},
                                           .public_urls = std::move(urls),
                                           .cors_origins = std::move(cors),
                                           .auth = http::auth_mode::none});
}

http::request asking(http::method verb, http::header_list headers) {
  http::request out;
  out.method = verb;
  out.headers = std::move(headers);
  return out;
}

} // namespace

TEST_CASE("host: loopback names and addresses are ours, with any port") {
  const auto guard = local_guard();
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "127.9.8.7:80", "[::1]",
                           "[::1]:8080", "localhost:", "[::ffff:127.0.0.1]:80"}) {
    CAPTURE(host);
    CHECK_FALSE(guard.check_host(host));
  }
}

TEST_CASE("host: foreign names are refused, whatever they look like") {
  const auto guard = local_guard();
  for (const char* host :
       {"evil.example", "localhost.evil.example", "evil.localhost.example:8080", "127.0.0.1.nip.io",
        "128.0.0.1", "192.168.1.2", "[::2]", "notlocalhost", "0.0.0.0", "127.1", "2130706433", "0x7f.1"}) {
    CAPTURE(host);
    const auto refused = guard.check_host(host);
    REQUIRE(refused);
    CHECK(refused->code == core::problem_code::forbidden);
  }
}

TEST_CASE("host: what is no authority is a bad request") {
  const auto guard = local_guard();
  for (const char* host : {"", ":80", "user@localhost", "local host", "localhost:x", "localhost:123456",
                           "[::1", "[::1]x", "[evil]", "localhost/x", "a:1:2"}) {
    CAPTURE(host);
    const auto refused = guard.check_host(host);
    REQUIRE(refused);
    CHECK(refused->code == core::problem_code::bad_request);
  }
}

TEST_CASE("host: the listen address and public URLs are ours") {
  const request_guard guard(http::guard_options{.listen_hosts = {"sync.lan"},
                                                .public_urls = {"https://Sync.Example.org/app"},
                                                .cors_origins = {},
                                                .auth = http::auth_mode::token});
  CHECK_FALSE(guard.check_host("sync.lan:8080"));
  CHECK_FALSE(guard.check_host("sync.example.org"));
  CHECK(guard.check_host("192.168.1.2"));
}

TEST_CASE("host: on a wildcard address every IP literal is ours, and no name") {
  const request_guard guard(http::guard_options{
      .listen_hosts = {"0.0.0.0"}, .public_urls = {}, .cors_origins = {}, .auth = http::auth_mode::token});
  CHECK_FALSE(guard.check_host("192.168.1.2:8080"));
  CHECK_FALSE(guard.check_host("[2001:db8::1]"));
  CHECK(guard.check_host("evil.example"));
}

TEST_CASE("origin: our own page and allow-listed ones may call, with every method") {
  const auto guard = local_guard({"https://app.example.org"}, {"https://sync.example.org"});
  for (const auto verb :
       {http::method::get, http::method::post, http::method::delete_, http::method::options}) {
    CHECK_FALSE(guard.check_origin(asking(verb, {}), "localhost:8080"));
    CHECK_FALSE(guard.check_origin(asking(verb, {{"origin", "http://localhost:8080"}}), "localhost:8080"));
    CHECK_FALSE(guard.check_origin(asking(verb, {{"origin", "http://localhost"}}), "localhost:80"));
    CHECK_FALSE(guard.check_origin(asking(verb, {{"origin", "https://app.example.org"}}), "localhost:8080"));
    CHECK_FALSE(
        guard.check_origin(asking(verb, {{"origin", "https://sync.example.org"}}), "sync.example.org"));
  }
}

TEST_CASE("origin: every other page is refused, with every method") {
  const auto guard = local_guard({"https://app.example.org"});
  for (const auto verb : {http::method::get, http::method::head, http::method::post, http::method::options}) {
    for (const char* origin :
         {"https://evil.example", "null", "NULL", "http://localhost:3000", "https://localhost:8080",
          "https://app.example.org.evil.example", "https://evilapp.example.org", "http://app.example.org",
          "https://app.example.org:444", "https://app.example.org/", "https://x@app.example.org",
          "https://app.example.org https://evil.example", "file://", "app.example.org", "*"}) {
      CAPTURE(origin);
      const auto refused = guard.check_origin(asking(verb, {{"origin", origin}}), "localhost:8080");
      REQUIRE(refused);
      CHECK(refused->code == core::problem_code::forbidden);
      CHECK(guard.cors_origin(origin) == nullptr);
    }
  }
}

TEST_CASE("origin: a cookie is taken from our own pages, and from none whose name only looks like ours") {
  const auto guard = local_guard({"https://app.example.org"}, {"https://sync.example.org"});
  auto socket = asking(http::method::get, {});
  socket.path = "/ws";
  for (const auto& asked : {asking(http::method::post, {}), asking(http::method::delete_, {}), socket}) {
    const auto refused = [&](const char* origin, const char* host) {
      auto from = asked;
      from.headers.emplace_back("origin", origin);
      return guard.check_cookie_origin(from, host).has_value();
    };
    CHECK(guard.check_cookie_origin(asked, "sync.example.org"));
    CHECK_FALSE(refused("https://sync.example.org", "sync.example.org"));
    CHECK_FALSE(refused("http://localhost", "localhost"));
    CHECK_FALSE(refused("http://localhost:808", "localhost:808"));
    for (const char* origin :
         {"", "null", "https://sync.example.org.evil.example", "https://sync.example.organic",
          "https://evil-sync.example.org", "https://evil.sync.example.org", "https://example.org",
          "https://sync.example.org:8443", "https://sync.example.org@evil.example",
          "https://sync.example.org/", "https://app.example.org", "sync.example.org"}) {
      CAPTURE(origin);
      CHECK(refused(origin, "sync.example.org"));
    }
    for (const char* origin : {"http://localhost.evil.example", "http://localhosts", "http://localhost:8080",
                               "http://notlocalhost", "https://localhost"}) {
      CAPTURE(origin);
      CHECK(refused(origin, "localhost"));
    }
    CHECK(refused("http://localhost:8080", "localhost:808"));
  }
  CHECK_FALSE(guard.check_cookie_origin(asking(http::method::get, {}), "sync.example.org"));
}

TEST_CASE("origin: a browser that calls for another site without saying which may only follow a link") {
  const auto guard = local_guard();
  const http::header_list link{
      {"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}};
  CHECK_FALSE(guard.check_origin(asking(http::method::get, link), "localhost"));
  CHECK(guard.check_origin(asking(http::method::post, link), "localhost"));
  CHECK(guard.check_origin(
      asking(http::method::get, {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "no-cors"}}),
      "localhost"));
  CHECK(guard.check_origin(asking(http::method::get, {{"sec-fetch-site", "cross-site"},
                                                      {"sec-fetch-mode", "navigate"},
                                                      {"sec-fetch-dest", "iframe"}}),
                           "localhost"));
  CHECK(guard.check_origin(asking(http::method::post, {{"sec-fetch-site", "same-site"}}), "localhost"));
  CHECK_FALSE(
      guard.check_origin(asking(http::method::post, {{"sec-fetch-site", "same-origin"}}), "localhost"));
  CHECK_FALSE(guard.check_origin(asking(http::method::get, {{"sec-fetch-site", "none"}}), "localhost"));
}

TEST_CASE("cors: what is answered is the entry of our list, and default ports and case do not matter") {
  const auto guard = local_guard({"HTTPS://App.Example.org:443"});
  const std::string* entry = guard.cors_origin("https://app.example.org");
  REQUIRE(entry);
  CHECK(*entry == "https://app.example.org");
}

TEST_CASE("cors: options that are no origin are refused by name") {
  for (const char* origin :
       {"*", "app.example.org", "https://", "https://a/b", "https://a:0", "https://a:x", "ftp://a"}) {
    CAPTURE(origin);
    CHECK_THROWS_AS(local_guard({origin}), std::invalid_argument);
  }
  CHECK_THROWS_AS(local_guard({}, {"sync.example.org"}), std::invalid_argument);
}

TEST_CASE("https: a server that speaks it is called by it, whatever the host, and by nothing else") {
  const request_guard guard(
      http::guard_options{.listen_hosts = {"127.0.0.1"},
                          .public_urls = {"https://sync.example.org", "http://old.example.org"},
                          .cors_origins = {},
                          .auth = http::auth_mode::none,
                          .speaks = http::scheme::https});
  CHECK(guard.is_https("localhost:8443"));
  CHECK(guard.is_https("sync.example.org"));
  const auto by = [&guard](const char* origin) {
    return guard.check_origin(asking(http::method::get, {{"origin", origin}}), "localhost:8443");
  };
  CHECK_FALSE(by("https://localhost:8443"));
  CHECK(by("http://localhost:8443"));
  CHECK(by("https://localhost:8444"));
  CHECK_FALSE(by("https://sync.example.org"));
}

TEST_CASE("https: browsers are bound to it for names that were published so, and no others") {
  const auto guard = [](http::scheme speaks) {
    return request_guard(
        http::guard_options{.listen_hosts = {"127.0.0.1"},
                            .public_urls = {"https://sync.example.org", "https://localhost:8443",
                                            "http://old.example.org", "https://127.0.0.1"},
                            .cors_origins = {},
                            .auth = http::auth_mode::none,
                            .speaks = speaks});
  };
  CHECK(guard(http::scheme::https).is_strict("Sync.example.org"));
  for (const char* host :
       {"localhost:8443", "127.0.0.1", "old.example.org", "sync.example.org:8443", "", "?"})
    CHECK_FALSE(guard(http::scheme::https).is_strict(host));
  CHECK_FALSE(guard(http::scheme::http).is_strict("sync.example.org")); // the proxy's to say
}
