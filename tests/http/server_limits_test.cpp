// Strictness and bounds over real sockets: smuggling, sizes at N and N+1, slow and rude clients, too many
// connections, no descriptors.
#include "server_fakes.hpp"
#include <dirent.h>
#include <doctest/doctest.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_client;
using tests::http_reply;
using tests::test_server;
using tests::wait_until;

namespace {

test_server::settings with_timeouts(std::chrono::seconds each) {
  test_server::settings out = test_server::quick_settings();
  out.limits.header_timeout = out.limits.idle_timeout = out.limits.progress_timeout = each;
  return out;
}

std::chrono::milliseconds elapsed_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

// SO_SNDBUF of the server's socket in this process whose other end is `client`; 0 when there is none.
int send_buffer_towards(int client) {
  const auto address = [](int fd, int (*of)(int, sockaddr*, socklen_t*)) {
    sockaddr_in found{};
    socklen_t length = sizeof found;
    const bool is_one =
        of(fd, reinterpret_cast<sockaddr*>(&found), &length) == 0 && found.sin_family == AF_INET;
    return is_one ? std::pair(found.sin_addr.s_addr, found.sin_port) : std::pair(in_addr_t{0}, in_port_t{0});
  };
  const auto wanted = address(client, ::getsockname);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    if (address(fd, ::getpeername) != wanted) continue;
    int bytes = 0;
    socklen_t length = sizeof bytes;
    if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0) return bytes;
  }
  return 0;
}

} // namespace

TEST_CASE("server: a request that two readers could understand differently ends the connection, and nothing "
          "behind it runs") {
  test_server server;
  const std::string hidden = "GET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (
      const std::string& head : std::vector<std::string>{
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
          "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
          "GET /tiny HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "GET /tiny HTTP/1.1\r\n\r\n",
          "GET /tiny HTTP/1.1\nHost: localhost\n\n", "GET /tiny HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n",
          "GET /tiny HTTP/1.1\r\nHost: localhost\r\nX: y\r\n z\r\n\r\n",
          "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
          "chunked\r\n\r\n5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"}) {
    CAPTURE(head);
    const int before = server.handled;
    auto client = server.client();
    client.send(head + hidden);
    const http_reply got = client.read_reply();
    CHECK(got.status == 400);
    CHECK(got.head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(got.header("connection") == "close");
    CHECK(got.header("content-type") == "application/problem+json");
    CHECK(client.read_to_end().empty());
    CHECK(server.handled == before);
  }
}

TEST_CASE("server: URLs, headers and bodies are taken up to their bound, and one byte more is refused") {
  test_server::settings with = test_server::quick_settings();
  with.limits.max_body_bytes = 100'000;
  test_server server(with);
  const auto status_of = [&](const http_reply& got) { return got.status; };

  CHECK(status_of(server.client().request("GET", "/tiny?" + std::string(8'192 - 6, 'a'))) == 200);
  const auto too_long = server.client().request("GET", "/tiny?" + std::string(8'193 - 6, 'a'));
  CHECK(status_of(too_long) == 414);
  CHECK(too_long.header("connection") == "close");
  CHECK(status_of(server.client().request("GET", "/tiny?" + std::string(800'000, 'a'))) == 414);

  // Host: localhost CRLF, X: … CRLF and the empty line count.
  const auto headers_of = [](std::size_t total) {
    return "GET /tiny HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(total - 17 - 5 - 2, 'b') + "\r\n\r\n";
  };
  for (const auto& [total, status] :
       std::vector<std::pair<std::size_t, int>>{{16'384, 200}, {16'385, 431}, {1'638'400, 431}}) {
    CAPTURE(total);
    auto client = server.client();
    client.try_send(headers_of(total), 5s);
    CHECK(client.read_reply().status == status);
  }

  // The Host is one of them.
  for (const auto& [count, status] : std::vector<std::pair<int, int>>{{99, 200}, {100, 431}, {1'500, 431}}) {
    CAPTURE(count);
    tests::http_headers many;
    for (int one = 0; one < count; ++one)
      many.emplace_back("X", "y");
    CHECK(server.client().request("GET", "/tiny", many).status == status);
  }

  auto client = server.client();
  CHECK(client.request("POST", "/echo", {}, std::string(100'000, 'x')).body.size() == 100'000);
  CHECK(client
            .request("POST", "/echo", {{"Transfer-Encoding", "chunked"}},
                     "186a0\r\n" + std::string(100'000, 'x') + "\r\n0\r\n\r\n")
            .status == 200);
  CHECK(client.request("POST", "/echo", {}, std::string(100'001, 'x')).status == 413);
  CHECK(client.closed_by_server());
  CHECK(server.client()
            .request("POST", "/echo", {{"Transfer-Encoding", "chunked"}},
                     "186a1\r\n" + std::string(100'001, 'x') + "\r\n0\r\n\r\n")
            .status == 413);
  CHECK(server.client().request("POST", "/echo", {{"Content-Length", "18446744073709551615"}}).status == 413);

  // A hundred times too much: refused by its length alone, and the answer arrives although the client goes on
  // sending.
  auto large = server.client();
  large.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n");
  large.try_send(std::string(300'000, 'x'), 1s);
  CHECK(large.read_reply().status == 413);
}

TEST_CASE("server: a compressed body is refused") {
  test_server server;
  auto client = server.client();
  CHECK(client.request("POST", "/echo", {{"Content-Encoding", "gzip"}}, "\x1f\x8b").status == 415);
  CHECK(client.request("POST", "/echo", {{"Content-Encoding", "identity"}}, "x").status == 200);
}

TEST_CASE("server: all bodies together have a bound, and room comes back") {
  test_server::settings with = test_server::quick_settings();
  with.limits.max_bodies_bytes = 200'000;
  test_server server(with);
  // Nothing tells whether the first has its room before the second asks: when it was the other way about,
  // again.
  constexpr int most_tries = 50;
  http_reply answered, refused;
  for (int tries = 0; tries < most_tries && answered.status != 200; ++tries) {
    auto first = server.client();
    first.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150000\r\n\r\n" +
               std::string(140'000, 'x'));
    REQUIRE(wait_until([&] {
      refused = server.client().request("POST", "/echo", {}, std::string(140'000, 'y'));
      return refused.status == 503 || first.readable(0ms);
    }));
    first.try_send(std::string(10'000, 'x'), 5s);
    answered = first.read_reply();
  }
  CHECK(refused.status == 503);
  CHECK(refused.body.find("overloaded") != std::string::npos);
  CHECK(refused.count("retry-after") == 1);
  CHECK(answered.body.size() == 150'000);
  CHECK(wait_until(
      [&] { return server.client().request("POST", "/echo", {}, std::string(140'000, 'y')).status == 200; }));
}

TEST_CASE("server: slow heads, slow bodies and idle connections are closed in time") {
  test_server server(with_timeouts(1s));
  const auto began = std::chrono::steady_clock::now();
  auto idle = server.client();
  auto head = server.client();
  head.send("GET /tiny HTTP/1.1\r\nHost: local");
  auto body = server.client();
  body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhel");
  auto kept = server.client();
  CHECK(kept.request("GET", "/tiny").status == 200);
  CHECK(idle.closed_by_server());
  CHECK(head.closed_by_server());
  CHECK(body.closed_by_server());
  CHECK(kept.closed_by_server());
  CHECK(elapsed_since(began) < 5s);
  CHECK(elapsed_since(began) > 900ms);
  CHECK(server.metrics().timeouts == 4);
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
}

TEST_CASE("server: dripping bytes do not keep a head or a body alive") {
  test_server server(with_timeouts(1s));
  const auto began = std::chrono::steady_clock::now();
  auto head = server.client();
  head.send("GET /tiny HTTP/1.1\r\nX: ");
  auto body = server.client();
  body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(wait_until(
      [&] {
        const bool head_over = head.try_send("y", 0ms) == 0;
        const bool body_over = body.try_send("y", 0ms) == 0;
        return head_over && body_over;
      },
      10s));
  CHECK(elapsed_since(began) < 6s);
}

TEST_CASE("server: a body that moves may take longer than the timeout") {
  test_server server(with_timeouts(1s));
  auto client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n");
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 8; ++i) {
    client.send(std::string(5'000, 'x'));
    // Not a wait for something: the slowness is what is tested.
    if (i < 7) CHECK_FALSE(client.readable(300ms));
  }
  CHECK(client.read_reply().body.size() == 40'000);
  CHECK(elapsed_since(began) > 2s);
}

TEST_CASE("server: a reader for whom there is no room is cut when it has read nothing since the last look") {
  test_server server(with_timeouts(3'600s));
  http_client client(server.port(), {.receive_buffer_bytes = 4'096});
  client.send_request("GET", "/flood?size=1000000");
  REQUIRE(client.read_head().status == 200);
  REQUIRE(wait_until([&] { return server.metrics().waiting_writes == 1; }));
  // More than may lie on the client's side, so that the rest has been acknowledged; far less than makes room.
  for (std::size_t taken = 0; taken < 24'000;)
    taken += client.read_some().size();
  std::size_t looks = 0;
  const auto cut = [&] {
    looks += server.server().check_deadlines(std::chrono::steady_clock::now() + 2h);
    return server.metrics().timeouts == 1;
  };
  REQUIRE(wait_until(cut));
  CHECK(looks == 2);
  CHECK(server.metrics().stalled_cuts == 1);
  CHECK(wait_until([&] { return server.metrics().waiting_writes == 0; }));
}

TEST_CASE("server: the kernel holds little of a stream that is not read") {
  test_server server;
  auto client = server.client();
  client.send_request("GET", "/rest");
  REQUIRE(client.read_head().status == 200);
  const int bytes = send_buffer_towards(client.descriptor());
  CHECK(bytes > 0);
  CHECK(bytes <= 256 << 10); // left to itself it begins at megabytes on loopback
}

TEST_CASE("server: a reader that does not read costs its socket's buffers and is cut") {
  test_server server(with_timeouts(1s));
  http_client client(server.port(), {.receive_buffer_bytes = 4'096});
  client.send_request("GET", "/flood?size=65536");
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  REQUIRE(wait_until([&] { return server.streaming == 0; }));
  // Loopback's send buffer may grow to some megabytes; a queue of ours would have grown to hundreds in that
  // second.
  CHECK(server.flooded < 32'000'000);
  CHECK(server.metrics().timeouts == 1);
  CHECK(server.metrics().stalled_cuts == 1);
  client.read_to_end();
  CHECK(client.was_reset());

  http_client big(server.port(), {.receive_buffer_bytes = 4'096});
  big.send_request("GET", "/big?bytes=50000000");
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
}

TEST_CASE("server: a client that goes away in the middle of a body or an answer leaves nothing behind") {
  test_server server;
  for (int i = 0; i < 20; ++i) {
    auto body = server.client();
    body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nhello");
    auto answer = server.client();
    answer.send_request("GET", "/flood?size=1000");
    auto stream = server.client();
    stream.send_request("GET", "/stream");
    if (i % 2 == 0) {
      body.reset();
      answer.reset();
      stream.reset();
    }
  }
  REQUIRE(wait_until([&] { return server.metrics().accepted == 60; }));
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
  CHECK(server.streaming == 0);
  CHECK(server.metrics().streams == 0);
  CHECK(server.metrics().connections == 0);
  CHECK(server.client().request("GET", "/tiny").status == 200);
}

TEST_CASE("server: a client that closes its sending half still gets its answers") {
  test_server server;
  auto client = server.client();
  client.send("GET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /echo HTTP/1.1\r\nHost: "
              "localhost\r\nContent-Length: 5\r\n\r\nhello");
  client.half_close();
  CHECK(client.read_reply().body == "{\"ok\":true}");
  CHECK(client.read_reply().body == "hello");
  CHECK(client.read_to_end().empty());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("server: a stream over the bound is told so") {
  test_server::settings with = test_server::quick_settings();
  with.limits.max_streams = 1;
  test_server server(with);
  auto first = server.client();
  auto second = server.client();
  first.send_request("GET", "/stream");
  CHECK(first.read_head().status == 200);
  for (int one = 0; one < 100; ++one)
    CHECK(second.request("GET", "/stream").status == 503);
  first.close();
  CHECK(wait_until([&] { return server.metrics().streams == 0; }));
  auto again = server.client();
  again.send_request("GET", "/stream");
  CHECK(again.read_head().status == 200);
}

TEST_CASE("server: without free descriptors it waits, says so, and goes on when there are some") {
  test_server server;
  CHECK(server.client().request("GET", "/tiny").status == 200);
  REQUIRE(wait_until([&] { return server.server().open_sessions() == 0; }));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{256, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  std::vector<int> fillers;
  for (int fd = dup(0); fd >= 0; fd = dup(0))
    fillers.push_back(fd);
  REQUIRE_FALSE(fillers.empty());
  ::close(fillers.back());
  fillers.pop_back();
  {
    auto client = server.client(); // takes the last descriptor: none is left to accept with
    client.send_request("GET", "/tiny");
    CHECK(wait_until([&] { return server.metrics().accept_failures >= 3; }));
    CHECK_FALSE(client.readable(0ms));
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(client.read_reply().status == 200);
  }
  for (const int fd : fillers)
    ::close(fd);
}

TEST_CASE("server: an endless stream of empty lines or garbage does not hold a connection") {
  test_server server(with_timeouts(1s));
  auto lines = server.client();
  lines.try_send(std::string(100'000, '\n'), 1s);
  CHECK(lines.read_reply().status == 400);
  auto blanks = server.client();
  blanks.send("\r\n\r\n");
  CHECK(blanks.read_reply().status == 400);
  auto binary = server.client();
  binary.send(std::string("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 11));
  CHECK(binary.closed_by_server());
}
