// Host, Origin and CORS over real sockets.
#include "eventstore/pg/types.hpp"
#include "server_fakes.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using tests::http_reply;
using tests::test_server;

namespace {

test_server::settings with_cors() {
  test_server::settings out = test_server::quick_settings();
  out.options.cors_origins = {"https://app.example.org"};
  out.options.public_urls = {"https://sync.example.org"};
  return out;
}

} // namespace

TEST_CASE("server: a foreign Host is refused before the handler") {
  test_server server;
  for (const char* host : {"evil.example", "localhost.evil.example:80", "192.168.0.1"}) {
    const http_reply got = server.client().request("GET", "/tiny", {{"Host", host}});
    CHECK(got.status == 403);
    CHECK(got.body.find("\"code\":\"forbidden\"") != std::string::npos);
  }
  CHECK(server.client().request("GET", "/tiny", {{"Host", ""}}).status == 400);
  CHECK(server.handled == 0);
}

TEST_CASE("server: a public URL's host is answered") {
  test_server server(with_cors());
  CHECK(server.client().request("GET", "/tiny", {{"Host", "sync.example.org"}}).status == 200);
}

TEST_CASE("server: no foreign page reaches a server without tokens, with any method") {
  test_server server(with_cors());
  for (const char* verb : {"GET", "POST", "OPTIONS", "HEAD"}) {
    for (const char* origin : {"https://evil.example", "null", "https://app.example.org.evil.example",
                               "http://localhost:3000", "https://app.example.org:8443"}) {
      CAPTURE(verb);
      CAPTURE(origin);
      const http_reply got = server.client().request(verb, "/echo", {{"Origin", origin}});
      CHECK(got.status == 403);
      CHECK(got.count("access-control-allow-origin") == 0);
      CHECK(got.header("vary") == "Origin");
    }
  }
  CHECK(server.client().request("POST", "/echo", {{"Sec-Fetch-Site", "cross-site"}}).status == 403);
  CHECK(server.handled == 0);
}

TEST_CASE("server: an allow-listed page gets the headers it needs, on errors too") {
  test_server server(with_cors());
  auto client = server.client();
  for (const char* path : {"/tiny", "/nothing", "/throw"}) {
    const http_reply got = client.request("GET", path, {{"Origin", "https://app.example.org"}});
    CHECK(got.header("access-control-allow-origin") == "https://app.example.org");
    CHECK(got.header("access-control-expose-headers").find("Sync-Position") != std::string::npos);
    CHECK(got.header("vary") == "Origin");
    CHECK(got.count("access-control-allow-methods") == 0);
  }
  CHECK(client.request("GET", "/tiny").count("access-control-allow-origin") == 0);
}

TEST_CASE("server: a preflight is answered for an allow-listed page") {
  test_server server(with_cors());
  auto client = server.client();
  const http_reply got = client.request("OPTIONS", "/api/clients/1",
                                        {{"Origin", "https://app.example.org"},
                                         {"Access-Control-Request-Method", "PUT"},
                                         {"Access-Control-Request-Headers", "content-type, x-evil"}});
  CHECK(got.status == 204);
  CHECK(got.header("access-control-allow-origin") == "https://app.example.org");
  CHECK(got.header("access-control-allow-methods") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  CHECK(got.header("access-control-allow-headers").find("If-Match") != std::string::npos);
  CHECK(got.header("access-control-allow-headers").find("x-evil") == std::string::npos);
  CHECK_FALSE(got.header("access-control-max-age").empty());
  CHECK(server.handled == 0);
}

TEST_CASE("server: its own page may call") {
  test_server server;
  const std::string own = "localhost:" + std::to_string(server.port());
  const std::string scheme = tests::speaks_tls_by_default() ? "https://" : "http://";
  CHECK(server.client()
            .request("POST", "/echo",
                     {{"Host", own}, {"Origin", scheme + own}, {"Sec-Fetch-Site", "same-origin"}}, "x")
            .status == 200);
}

TEST_CASE("server: who may call is asked before the body is read") {
  test_server::settings with = test_server::quick_settings();
  with.options.auth = http::auth_mode::token;
  with.options.authenticate = [](const http::request& asked,
                                 http::access) -> boost::asio::awaitable<core::result<http::admission>> {
    if (asked.header("authorization") == "Bearer good") co_return http::admission{};
    if (asked.header("authorization") == "Bearer unlucky")
      throw eventstore::pg::unavailable("no database to look it up in");
    co_return core::make_problem(core::problem_code::unauthorized, "no token");
  };
  test_server server(with);
  auto client = server.client();
  CHECK(client.request("GET", "/tiny").status == 200);
  const http_reply refused = client.request("GET", "/wait");
  CHECK(refused.status == 401);
  CHECK(refused.header("www-authenticate") == "Bearer");
  CHECK(client.request("GET", "/wait", {{"Authorization", "Bearer good"}}).status == 200);
  CHECK(client.request("GET", "/wait", {{"Authorization", "Bearer unlucky"}}).status == 503);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
  CHECK(client.read_reply().status == 401);
  CHECK(client.closed_by_server());
}
