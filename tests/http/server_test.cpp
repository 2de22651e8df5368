// The connection layer over real sockets: keep-alive, pipelining, HEAD, OPTIONS, headers of answers, streamed
// answers, errors.
#include "server_fakes.hpp"
#include <boost/asio/ip/address.hpp>
#include <doctest/doctest.h>
#include <map>
#include <mutex>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

using namespace synclog;
using tests::http_client;
using tests::http_reply;
using tests::test_server;
using tests::wait_until;

TEST_CASE("server: a connection serves one request after another") {
  test_server server;
  auto client = server.client();
  for (int i = 0; i < 50; ++i) {
    const http_reply got = client.request("GET", i % 2 == 0 ? "/tiny" : "/wait");
    CHECK(got.status == 200);
    CHECK(got.body == "{\"ok\":true}");
  }
  CHECK(server.metrics().accepted == 1);
}

TEST_CASE("server: connections are spread over the lanes, also when they come one by one") {
  tests::io_threads lanes[2]{tests::io_threads(1), tests::io_threads(1)};
  auto with = test_server::quick_settings();
  for (auto& lane : lanes)
    with.options.lanes.push_back(lane.executor());
  test_server server(with);
  std::mutex guards;
  std::map<std::thread::id, int> by_thread;
  server.in_stream = [&] {
    const std::lock_guard guard(guards);
    ++by_thread[std::this_thread::get_id()];
  };
  std::vector<http_client> clients;
  for (int one = 1; one <= 12; ++one) {
    clients.push_back(server.client());
    clients.back().send_request("GET", "/stream");
    REQUIRE(wait_until([&] { return server.streaming == one; }));
  }
  const std::lock_guard guard(guards);
  CHECK(by_thread.size() == 2);
  for (const auto& [thread, connections] : by_thread)
    CHECK(connections == 6);
}

TEST_CASE("server: an answer carries what every answer carries") {
  test_server server;
  auto client = server.client();
  const http_reply got = client.request("GET", "/tiny");
  CHECK(got.header("server") == "synclog");
  CHECK(got.header("content-length") == "11");
  CHECK(got.header("x-content-type-options") == "nosniff");
  CHECK(got.header("date").ends_with(" GMT"));
  CHECK(got.header("date").size() == 29);
  CHECK_FALSE(got.header("x-request-id").empty());
  CHECK(got.header("x-request-id") != client.request("GET", "/tiny").header("x-request-id"));
  CHECK(got.count("access-control-allow-origin") == 0);
}

TEST_CASE("server: a sane request id of the client is kept, another is replaced") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("GET", "/tiny", {{"X-Request-Id", "abc-123"}}).header("x-request-id") == "abc-123");
  const std::string longest(128, 'r');
  CHECK(client.request("GET", "/tiny", {{"X-Request-Id", longest}}).header("x-request-id") == longest);
  for (const std::string& odd :
       {std::string(129, 'r'), std::string("two words"), std::string("umlaut\xC3\xA9")}) {
    const std::string given = client.request("GET", "/tiny", {{"X-Request-Id", odd}}).header("x-request-id");
    CHECK(given != odd);
    CHECK_FALSE(given.empty());
  }
}

TEST_CASE("server: a hundred pipelined requests in one write are answered in order") {
  test_server server;
  auto client = server.client();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    switch (i % 4) {
    case 0:
      all += "GET /echo?n=" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
      break;
    case 1:
      all +=
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n" + std::to_string(1'000 + i);
      break;
    case 2:
      all += "GET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\n";
      break;
    default:
      all += "GET /nothing/" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
      break;
    }
  }
  client.send(all);
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    const http_reply got = client.read_reply();
    switch (i % 4) {
    case 0:
      CHECK(got.body.starts_with("/echo|n=" + std::to_string(i) + "|"));
      break;
    case 1:
      CHECK(got.body == std::to_string(1'000 + i));
      break;
    case 2:
      CHECK(got.body == "{\"ok\":true}");
      break;
    default:
      CHECK(got.status == 404);
      break;
    }
  }
  CHECK(client.request("GET", "/tiny").status == 200);
}

TEST_CASE("server: pipelined requests may arrive in any pieces") {
  test_server server;
  const std::string all =
      "\r\nGET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "GET /chunks HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /tiny HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (const std::size_t step : {std::size_t{2}, std::size_t{17}, std::size_t{64}}) {
    CAPTURE(step);
    auto client = server.client();
    for (std::size_t at = 0; at < all.size(); at += step)
      client.send(std::string_view(all).substr(at, step));
    CHECK(client.read_reply().body == "{\"ok\":true}");
    CHECK(client.read_reply().body == "abc");
    CHECK(client.read_reply().body.size() == 40'003);
    const http_reply last = client.read_reply();
    CHECK(last.header("connection") == "close");
    CHECK(client.closed_by_server());
  }
}

TEST_CASE("server: HEAD answers as GET does, without the body") {
  test_server server;
  auto client = server.client();
  const http_reply got = client.request("HEAD", "/tiny");
  CHECK(got.status == 200);
  CHECK(got.header("content-length") == "11");
  CHECK(client.request("HEAD", "/chunks").header("transfer-encoding") == "chunked");
  CHECK(client.request("HEAD", "/nothing").status == 404);
  CHECK(client.request("GET", "/tiny").body == "{\"ok\":true}");
}

TEST_CASE("server: an unknown path is 404, a wrong method 405 with Allow, and the connection lives") {
  test_server server;
  auto client = server.client();
  const http_reply missing = client.request("GET", "/nothing");
  CHECK(missing.status == 404);
  CHECK(missing.header("content-type") == "application/problem+json");
  CHECK(missing.body.find("\"code\":\"not_found\"") != std::string::npos);
  for (const char* verb : {"POST", "DELETE", "TRACE", "CONNECT", "BREW", "get"}) {
    CAPTURE(verb);
    const http_reply wrong = client.request(verb, "/tiny");
    CHECK(wrong.status == 405);
    CHECK(wrong.header("allow") == "GET, HEAD, OPTIONS");
  }
  CHECK(client.request("BREW", "/nothing").status == 404);
  CHECK(client.request("POST", "/nothing", {}, "a body that nobody reads").status == 404);
  CHECK(client.request("GET", "/tiny").status == 200);
}

TEST_CASE("server: OPTIONS names the methods of a path") {
  test_server server;
  auto client = server.client();
  const http_reply got = client.request("OPTIONS", "/echo");
  CHECK(got.status == 204);
  CHECK(got.header("allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(got.count("content-length") == 0);
  CHECK(client.request("OPTIONS", "*").status == 204);
  CHECK(client.request("OPTIONS", "/nothing").status == 404);
  CHECK(client.request("GET", "*").status == 400);
}

TEST_CASE("server: HTTP/1.0 is served, with and without keep-alive") {
  test_server server;
  auto closing = server.client();
  closing.send("GET /tiny HTTP/1.0\r\n\r\n");
  const http_reply once = closing.read_reply();
  CHECK(once.status == 200);
  CHECK(once.header("connection") == "close");
  CHECK(closing.closed_by_server());

  auto keeping = server.client();
  for (int i = 0; i < 3; ++i) {
    keeping.send("GET /tiny HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
    CHECK(keeping.read_reply().header("connection") == "keep-alive");
  }
  keeping.send("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const http_reply streamed = keeping.read_reply();
  CHECK(streamed.count("transfer-encoding") == 0);
  CHECK(streamed.body.size() == 40'003);
}

TEST_CASE("server: bodies come back whole, small, empty, large and chunked") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("POST", "/echo", {}, "hello").body == "hello");
  CHECK(client.request("POST", "/echo").body.empty());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.read_reply().body.empty());
  std::string large(3'000'000, 'a');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>('a' + i % 23);
  CHECK(client.request("POST", "/echo", {}, large).body == large);
  CHECK(client
            .request("POST", "/echo", {{"Transfer-Encoding", "chunked"}},
                     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            .body == "hello world");
  CHECK(client.request("GET", "/big?bytes=5000000").body.size() == 5'000'000);
}

TEST_CASE("server: Expect 100-continue is met before the body, and not when the request is refused") {
  test_server::settings with = test_server::quick_settings();
  with.limits.max_body_bytes = 100;
  test_server server(with);
  auto client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(client.read_reply().status == 100);
  client.send("hello");
  CHECK(client.read_reply().body == "hello");

  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  CHECK(client.read_reply().status == 413);
  CHECK(client.closed_by_server());

  auto other = server.client();
  other.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(other.read_reply().status == 400);
}

TEST_CASE("server: what a handler throws becomes a problem that tells nothing") {
  test_server server;
  auto client = server.client();
  const auto status_of = [&](const char* what) {
    const http_reply got = client.request("GET", std::string("/throw?what=") + what);
    CHECK(got.body.find("secret") == std::string::npos);
    CHECK(got.body.find("10.0.0.1") == std::string::npos);
    if (got.status == 503) {
      CHECK(got.header("retry-after") == "2");
      CHECK(got.body.find("database_unavailable") != std::string::npos);
    }
    return got.status;
  };
  CHECK(status_of("unavailable") == 503);
  CHECK(status_of("lost") == 503);
  CHECK(status_of("shutting-down") == 503);
  CHECK(status_of("statement") == 500);
  CHECK(status_of("plain") == 500);
  CHECK(status_of("nothing") == 500);
  CHECK(client.request("GET", "/tiny").status == 200);
}

TEST_CASE("server: whatever an error says, it is one line of the log that commands no terminal") {
  std::ostringstream written;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(written)));
  {
    test_server server;
    auto client = server.client();
    for (const char* what : {"rude", "rude-unavailable", "rude-statement", "rude-timeout"})
      CHECK(client.request("GET", std::string("/throw?what=") + what).status >= 500);
  }
  spdlog::set_default_logger(before);
  const std::string log = written.str();
  std::size_t told = 0;
  for (std::size_t at = 0; (at = log.find("one??two?[2J?", at)) != std::string::npos; ++at)
    ++told;
  CHECK(told == 4);
  CHECK(log.find("\ntwo") == std::string::npos);
  CHECK(log.find_first_of("\r\x1b\x7f") == std::string::npos);
}

TEST_CASE("server: an answer that breaks off is never taken for a whole one") {
  test_server server;
  for (const char* version : {"1.1", "1.0"}) {
    auto client = server.client();
    client.send(std::string("GET /throw?what=late HTTP/") + version + "\r\nHost: localhost\r\n\r\n");
    client.read_to_end();
    CHECK(client.was_reset());
  }
  CHECK(server.metrics().aborted_answers == 2);
  CHECK(server.client().request("GET", "/tiny").status == 200);
}

TEST_CASE("server: an exception after the answer closes the connection in order") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("GET", "/throw?what=sent").body == "sent");
  CHECK(client.closed_by_server());
}

TEST_CASE("server: an encoded slash in an id is refused, other encoded characters arrive decoded") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("GET", "/api/clients/a%2Fb").status == 400);
  CHECK(client.request("GET", "/api/clients/a%20%C3%A9b").body == "a \xC3\xA9"
                                                                  "b");
  CHECK(client.request("GET", "/api/clients/a%00").status == 400);
  CHECK(client.request("GET", "/api/clients/%ff").status == 400);
  CHECK(client.request("GET", "/api/events/x").status == 404);
}

TEST_CASE("server: an absolute target must agree with Host") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("GET", "http://localhost:1/tiny", {{"Host", "localhost:1"}}).status == 200);
  CHECK(client.request("GET", "http://localhost/tiny", {{"Host", "127.0.0.1"}}).status == 400);
}

TEST_CASE("server: two listeners serve, and a port in use is refused with its owner") {
  test_server::settings with = test_server::quick_settings();
  with.options.listen.push_back({"127.0.0.2", 0});
  test_server server(with);
  REQUIRE(server.server().endpoints().size() == 2);
  const auto second = server.server().endpoints()[1];
  CHECK(http_client(second.port(), {.host = "127.0.0.2"}).request("GET", "/tiny").status == 200);

  with.options.listen = {{"127.0.0.1", server.port()}};
  try {
    test_server clash(with);
    FAIL("bound twice");
  } catch (const std::runtime_error& refused) {
    const std::string said = refused.what();
    CHECK(said.find("is in use by") != std::string::npos);
    CHECK(said.find("(pid " + std::to_string(getpid()) + ")") != std::string::npos);
  }
}

TEST_CASE("server: addresses are read, and the loopback rule names the fix") {
  using http::auth_mode;
  using http::parse_listen_address;
  CHECK(parse_listen_address("127.0.0.1:8080")->port == 8'080);
  CHECK(parse_listen_address("[::1]:0")->host == "::1");
  CHECK(parse_listen_address(":80")->host.empty());
  CHECK(parse_listen_address("8080")->host.empty());
  for (const char* text :
       {"", "localhost", "localhost:", "localhost:70000", "::1:80", "[::1]", "[x]:1", "a:b"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_listen_address(text).has_value());
  }
  CHECK_FALSE(http::refuse_open_listen({{"localhost", 1}, {"127.0.0.1", 1}, {"::1", 1}}, auth_mode::none));
  CHECK_FALSE(http::refuse_open_listen({{"0.0.0.0", 1}}, auth_mode::token));
  for (const char* host : {"", "0.0.0.0", "::", "192.168.1.2"}) {
    const auto refused = http::refuse_open_listen({{host, 8'080}}, auth_mode::none);
    REQUIRE(refused);
    CHECK(refused->find("--auth=token") != std::string::npos);
  }
}

TEST_CASE("server: what happened is counted by route, method and class of status") {
  test_server server;
  {
    auto client = server.client();
    client.request("GET", "/tiny");
    client.request("GET", "/tiny");
    client.request("POST", "/echo", {}, "hello");
    client.request("GET", "/nothing");
  }
  REQUIRE(wait_until([&] { return server.server().open_sessions() == 0; }));
  const std::string text = server.metrics().text();
  CHECK(text.find("synclog_http_requests_total{route=\"/tiny\",method=\"GET\",status=\"2xx\"} 2") !=
        std::string::npos);
  CHECK(text.find("synclog_http_requests_total{route=\"/echo\",method=\"POST\",status=\"2xx\"} 1") !=
        std::string::npos);
  CHECK(text.find("synclog_http_requests_total{route=\"none\",method=\"GET\",status=\"4xx\"} 1") !=
        std::string::npos);
  CHECK(text.find("synclog_http_request_duration_seconds_count{route=\"/tiny\"} 2") != std::string::npos);
  CHECK(text.find("synclog_http_received_body_bytes_total 5") != std::string::npos);
  CHECK(text.find("process_open_fds") != std::string::npos);
  CHECK(text.find("synclog_build_info{version=") != std::string::npos);
}
