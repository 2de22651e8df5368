// The connection layer with TLS: what is agreed on, what is refused, and that nothing else changes. (The
// other tests of the layer run over TLS too: http_tls in tests/CMakeLists.txt.)
#include "server_fakes.hpp"
#include "tests/support/certificates.hpp"
#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <thread>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_client;
using tests::test_server;
using tests::tls_client_options;
using tests::wait_until;

namespace {

http_client connect(const test_server& server, tls_client_options with = {}) {
  with.authority = tests::test_authority();
  return http_client(server.port(), {.tls = std::move(with)});
}

http_client connect_plainly(const test_server& server) {
  return http_client(server.port(), {.tls = std::nullopt});
}

// The value of a line of /metrics.
double metric(test_server& server, const std::string& line) {
  const auto text = "\n" + server.metrics().text();
  const auto at = text.find("\n" + line + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + line.size() + 2));
}

// The beginning of a client's first message, which announces 512 bytes.
const std::string half_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);

} // namespace

TEST_CASE("server tls: requests are served by TLS 1.2 and 1.3, and connections are kept") {
  test_server server(test_server::secure_settings());
  auto older = connect(server, {.newest = TLS1_2_VERSION});
  auto newer = connect(server, {.oldest = TLS1_3_VERSION});
  for (int i = 0; i < 20; ++i) {
    CHECK(older.request("GET", "/tiny").body == "{\"ok\":true}");
    CHECK(newer.request("POST", "/echo", {}, "to be encrypted").body == "to be encrypted");
  }
  CHECK(older.tls().version() == "TLSv1.2");
  CHECK(newer.tls().version() == "TLSv1.3");
  CHECK(server.metrics().accepted == 2);
  CHECK(metric(server, "synclog_http_tls_handshakes_total{version=\"1.2\"}") == 1);
  CHECK(metric(server, "synclog_http_tls_handshakes_total{version=\"1.3\"}") == 1);
  CHECK(metric(server, "synclog_http_tls_failures_total") == 0);
  CHECK(metric(server, "synclog_http_tls_certificate_expiry_seconds") > 1e9);
}

TEST_CASE("server tls: TLS 1.1 is refused with an alert that says why") {
  test_server server(test_server::secure_settings());
  std::string why;
  try {
    connect(server, {.oldest = TLS1_1_VERSION, .newest = TLS1_1_VERSION});
  } catch (const std::runtime_error& refused) {
    why = refused.what();
  }
  CHECK(why.find("protocol version") != std::string::npos);
  CHECK(wait_until([&] { return metric(server, "synclog_http_tls_failures_total") == 1; }));
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
}

TEST_CASE("server tls: HTTP/1.1 is agreed on, or nothing; a client that wants only others is refused") {
  test_server server(test_server::secure_settings());
  auto both = connect(server, {.protocols = "\x02h2\x08http/1.1"});
  CHECK(both.tls().protocol() == "http/1.1");
  CHECK(both.request("GET", "/tiny").status == 200);
  auto neither = connect(server);
  CHECK(neither.tls().protocol().empty());
  CHECK(neither.request("GET", "/tiny").status == 200);
  CHECK_THROWS_WITH(connect(server, {.protocols = "\x02h2"}), doctest::Contains("no application protocol"));
}

TEST_CASE("server tls: plain http is told in plain text that this is https") {
  test_server server(test_server::secure_settings());
  auto client = connect_plainly(server);
  const auto got = client.request("POST", "/echo", {}, std::string(100'000, 'b'));
  CHECK(got.status == 400);
  CHECK(got.header("content-type") == "application/problem+json");
  CHECK(got.header("connection") == "close");
  CHECK(got.body.find("this port speaks https") != std::string::npos);
  CHECK(client.closed_by_server());
  CHECK(server.handled == 0);
  CHECK(metric(server, "synclog_http_tls_failures_total") == 1);
}

TEST_CASE("server tls: megabytes go out to a reader that is slow, and come in") {
  constexpr std::size_t bytes = 10'000'000;
  test_server server(test_server::secure_settings());
  http_client client(server.port(), {.receive_buffer_bytes = 4'096, .tls = tls_client_options{}});
  client.send_request("GET", "/big?bytes=" + std::to_string(bytes));
  REQUIRE(wait_until([&] { return server.metrics().waiting_writes == 1; }));
  const auto got = client.read_reply();
  CHECK(got.body.size() == bytes);
  CHECK((got.body == std::string(bytes, 'x')));
  std::string body(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i)
    body[i] = static_cast<char>('a' + i * 7 % 26);
  auto other = connect(server);
  // Both ways at once: the answer begins when all of the body is there.
  CHECK((other.request("POST", "/echo", {}, body).body == body));
}

TEST_CASE("server tls: a stream at rest goes on, while its client changes keys and reads slowly") {
  constexpr int most = 30'000;
  test_server server(test_server::secure_settings());
  http_client client(server.port(),
                     {.receive_buffer_bytes = 4'096, .tls = tls_client_options{.oldest = TLS1_3_VERSION}});
  client.send_request("GET", "/rest");
  REQUIRE(client.read_head().status == 200);
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  std::string text;
  int expected = 1, produced = 0;
  int updates = 20; // OpenSSL takes 32 in a row from a client that says nothing else
  while (expected <= most) {
    if (produced < most) server.produce(produced = std::min(most, produced + 700));
    if (--updates > 0) client.tls().update_keys();
    const auto chunk = client.read_chunk();
    REQUIRE(chunk);
    text += *chunk;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      REQUIRE(std::stoi(text) == expected);
      ++expected;
      text.erase(0, end + 1);
    }
  }
  CHECK(server.steps > 0);
  client.close();
  CHECK(wait_until([&] { return server.streaming == 0; }));
}

TEST_CASE("server tls: a client that goes away in the middle of an answer is noticed, in order or not") {
  test_server server(test_server::secure_settings());
  for (int i = 0; i < 10; ++i) {
    auto client = connect(server);
    client.send_request("GET", "/flood");
    REQUIRE(client.read_head().status == 200);
    REQUIRE(wait_until([&] { return server.metrics().waiting_writes == 1; }));
    if (i % 2 == 0)
      client.close();
    else
      client.reset();
    CHECK(wait_until([&] { return server.streaming == 0 && server.server().open_sessions() == 0; }));
  }
  CHECK(connect(server).request("GET", "/tiny").status == 200);
}

TEST_CASE("server tls: the last answer ends in order, a broken one does not") {
  test_server server(test_server::secure_settings());
  auto last = connect(server);
  CHECK(last.request("GET", "/tiny", {{"Connection", "close"}}).status == 200);
  CHECK(last.closed_by_server());
  CHECK(last.tls().ended_in_order());
  auto broken = connect(server);
  broken.send_request("GET", "/throw?what=late");
  CHECK(broken.read_head().status == 200);
  CHECK(broken.closed_by_server());
  CHECK_FALSE(broken.tls().ended_in_order());
}

TEST_CASE("server tls: half handshakes, garbage and silence hold no places") {
  auto with = test_server::secure_settings();
  with.limits.max_connections = 8;
  test_server server(with);
  std::vector<http_client> idle;
  for (int i = 0; i < 60; ++i) {
    idle.push_back(connect_plainly(server));
    if (i % 3 == 0) idle.back().send(half_hello);
    if (i % 3 == 1) idle.back().try_send("\x16 this is no handshake at all", 1s);
    if (i % 10 == 9) CHECK(connect(server).request("GET", "/tiny").status == 200);
  }
  CHECK(server.metrics().parted_with > 0);
}

TEST_CASE("server tls: over the bound of half handshakes the oldest of them go, and nobody else does") {
  auto with = test_server::secure_settings();
  with.limits.max_handshakes = 4;
  test_server server(with);
  auto served = connect(server);
  CHECK(served.request("GET", "/tiny").status == 200);
  auto silent = connect_plainly(server);
  std::vector<http_client> half;
  for (int i = 0; i < 40; ++i) {
    half.push_back(connect_plainly(server));
    half.back().send(half_hello);
    if (i % 10 == 9) CHECK(connect(server).request("GET", "/tiny").status == 200);
  }
  CHECK(wait_until([&] { return server.metrics().parted_with >= 30; }));
  CHECK(half.front().closed_by_server());
  CHECK(served.request("GET", "/tiny").status == 200);
  silent.send("GET /tiny HTTP/1.1\r\n\r\n"); // still there, and told that this is https
  CHECK(silent.read_head().status == 400);
}

TEST_CASE("server tls: a handshake has as much time as a first request") {
  auto with = test_server::secure_settings();
  with.limits.header_timeout = 1s;
  test_server server(with);
  auto silent = connect_plainly(server), half = connect_plainly(server), done = connect(server);
  half.send(half_hello);
  CHECK(silent.closed_by_server());
  CHECK(half.closed_by_server());
  CHECK(done.closed_by_server());
  CHECK(server.metrics().timeouts == 3);
}

TEST_CASE("server tls: who comes over a bound is closed without a handshake") {
  auto with = test_server::secure_settings();
  with.limits.max_connections_per_address = 1;
  test_server server(with);
  http_client first(server.port(), {.source = "127.0.0.2", .tls = tls_client_options{}});
  CHECK(first.request("GET", "/tiny").status == 200);
  const auto second = [&] {
    http_client(server.port(), {.source = "127.0.0.2", .tls = tls_client_options{}});
  };
  CHECK_THROWS(second());
  CHECK(server.metrics().refused_connections == 1);
  CHECK(metric(server, "synclog_http_tls_handshakes_total{version=\"1.3\"}") == 1);
}

TEST_CASE("server tls: stop does not wait for handshakes") {
  test_server server(test_server::secure_settings());
  auto silent = connect_plainly(server), half = connect_plainly(server), idle = connect(server);
  half.send(half_hello);
  CHECK(idle.request("GET", "/tiny").status == 200);
  REQUIRE(wait_until([&] { return server.server().open_sessions() == 3; }));
  CHECK(server.stop(15s) < 14s);
  CHECK(idle.closed_by_server());
  CHECK(idle.tls().ended_in_order());
}

TEST_CASE("server tls: cookies and origins are those of https") {
  auto with = test_server::secure_settings();
  with.options.public_urls = {"https://sync.example.org", "https://localhost:4430"};
  test_server server(with);
  auto client = connect(server);
  const auto own = "https://localhost:" + std::to_string(server.port());
  CHECK(client.request("GET", "/tiny", {{"Origin", own}}).status == 200);
  CHECK(client.request("GET", "/tiny", {{"Origin", "http" + own.substr(5)}}).status == 403);
  // Told to browsers for the name that the operator has given, never for a name that others share.
  auto other = connect(server);
  CHECK(other.request("GET", "/tiny", {{"Host", "sync.example.org"}}).header("strict-transport-security") ==
        "max-age=31536000");
  CHECK(other.request("GET", "/tiny").count("strict-transport-security") == 0);
  CHECK(other.request("GET", "/tiny", {{"Host", "localhost:4430"}}).count("strict-transport-security") == 0);
}
