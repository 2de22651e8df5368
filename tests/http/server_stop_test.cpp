// Stopping: what is idle goes at once, what is under way finishes, what does not is cut. And streams that
// notice their client.
#include "server_fakes.hpp"
#include <boost/asio/posix/stream_descriptor.hpp>
#include <doctest/doctest.h>
#include <future>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_reply;
using tests::test_server;
using tests::wait_until;

namespace {

// The server's end of the client's connection: it lives in this process.
int server_side_of(const tests::http_client& client) {
  constexpr int descriptors = 1'024;
  sockaddr_in here{};
  socklen_t bytes = sizeof here;
  getsockname(client.descriptor(), reinterpret_cast<sockaddr*>(&here), &bytes);
  for (int fd = 0; fd < descriptors; ++fd) {
    sockaddr_in peer{};
    bytes = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &bytes) == 0 && peer.sin_port == here.sin_port)
      return fd;
  }
  return -1;
}

// Returns when the context has taken from epoll all that had come before the call: a later event has been
// delivered. Needs exactly one thread of the context to be free.
bool events_delivered(boost::asio::io_context& context) {
  boost::asio::posix::stream_descriptor later(context, eventfd(1, EFD_CLOEXEC));
  std::atomic<bool> delivered{false};
  later.async_wait(boost::asio::posix::descriptor_base::wait_read,
                   [&delivered](boost::system::error_code) { delivered = true; });
  return wait_until([&delivered] { return delivered.load(); });
}

} // namespace

TEST_CASE("server: stop closes idle connections at once and lets requests finish") {
  test_server server;
  auto idle = server.client();
  CHECK(idle.request("GET", "/tiny").status == 200);
  auto fresh = server.client();
  auto busy = server.client();
  busy.send_request("GET", "/hold");
  REQUIRE(wait_until([&] { return server.held == 1 && server.server().open_sessions() == 3; }));
  auto stopping = std::async(std::launch::async, [&] { return server.stop(20s); });
  CHECK(idle.closed_by_server());
  CHECK(fresh.closed_by_server());
  CHECK(stopping.wait_for(0ms) == std::future_status::timeout);
  CHECK_FALSE(busy.readable(0ms));
  server.release();
  const http_reply got = busy.read_reply();
  CHECK(got.body == "released");
  CHECK(got.header("connection") == "close");
  CHECK(stopping.get() < 15s);
  CHECK(server.server().open_sessions() == 0);
  CHECK_THROWS(server.client());
}

TEST_CASE("server: stop cuts at its deadline what does not finish, and waits for the handlers") {
  test_server server;
  auto busy = server.client();
  busy.send_request("GET", "/flood?size=100");
  auto unread = server.client();
  unread.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhel");
  REQUIRE(wait_until([&] { return server.streaming == 1 && server.server().open_sessions() == 2; }));
  const auto took = server.stop(200ms);
  CHECK(took >= 200ms);
  CHECK(took < 10s);
  CHECK(server.streaming == 0);
  CHECK(server.server().open_sessions() == 0);
}

TEST_CASE("server: streams learn that the server drains and end in order") {
  test_server server;
  auto client = server.client();
  client.send_request("GET", "/stream");
  tests::sse_reader events(client);
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  CHECK(server.stop(20s) < 15s);
  const auto bye = events.next();
  REQUIRE(bye);
  CHECK(bye->name == "bye");
  CHECK_FALSE(events.next());
  CHECK(server.drained == 1);
}

TEST_CASE(
    "server: a stream's head arrives before its first event, and the handler notices when the client goes") {
  test_server server;
  for (const bool reset : {false, true}) {
    auto client = server.client();
    client.send_request("GET", "/stream");
    CHECK(client.read_head().header("transfer-encoding") == "chunked");
    REQUIRE(wait_until([&] { return server.streaming == 1; }));
    CHECK(server.metrics().streams == 1);
    if (reset)
      client.reset();
    else
      client.close();
    CHECK(wait_until([&] { return server.streaming == 0 && server.metrics().streams == 0; }));
  }
  CHECK(server.drained == 0);
}

// Asio completes a wait for readable by what epoll said, however long ago: on a busy machine a stream's wait
// could be completed by the arrival of its own request.
TEST_CASE("server: a stream that is woken for bytes no longer there goes on, and then notices its client") {
  test_server::settings with = test_server::quick_settings();
  with.threads = 2; // one is inside the handler, the other watches
  test_server server(with);
  auto client = server.client();
  server.in_stream = [&] {
    client.send("x");
    CHECK(events_delivered(server.io().context()));
    char gone = 0;
    CHECK(recv(server_side_of(client), &gone, 1, MSG_DONTWAIT) == 1);
  };
  client.send_request("GET", "/stream");
  CHECK(client.read_head().status == 200);
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  CHECK(wait_until([&] { return server.looks >= 5 || server.streaming == 0; }));
  CHECK(server.streaming == 1);
  client.close();
  CHECK(wait_until([&] { return server.streaming == 0; }));
}

TEST_CASE("server: idle streams outlive every timeout") {
  test_server::settings with = test_server::quick_settings();
  with.limits.header_timeout = with.limits.idle_timeout = with.limits.progress_timeout =
      with.limits.request_deadline = 1s;
  test_server server(with);
  auto client = server.client();
  client.send_request("GET", "/stream");
  CHECK(client.read_head().status == 200);
  auto other = server.client();
  CHECK(other.closed_by_server()); // an idle connection of the same age is gone by now
  CHECK(server.streaming == 1);
  CHECK_FALSE(client.readable(300ms));
}

// The reactor may report a stream's request after it has been read: that is no end of the client. Rare: many
// streams at once, on several threads.
TEST_CASE("server: of many streams opened at once none is taken for left") {
  constexpr int openers = 4, batches = 60, streams_a_batch = 50;
  test_server server;
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<std::vector<tests::http_client>> clients(openers);
    std::vector<std::thread> threads;
    for (auto& own : clients) {
      threads.emplace_back([&server, &own] {
        for (int i = 0; i < streams_a_batch; ++i) {
          own.push_back(server.client());
          own.back().send_request("GET", "/stream");
        }
      });
    }
    for (std::thread& each : threads)
      each.join();
    const int all = openers * streams_a_batch;
    REQUIRE(wait_until([&] { return server.handled == all * (batch + 1); }));
    REQUIRE(wait_until([&] { return server.streaming + server.metrics().aborted_answers % all == all; }));
    CHECK(server.metrics().aborted_answers == static_cast<std::uint64_t>(all * batch));
    clients.clear();
    REQUIRE(wait_until([&] { return server.streaming == 0 && server.metrics().streams == 0; }));
  }
}

TEST_CASE("server: stop while clients come and go ends") {
  test_server server;
  std::atomic<bool> over{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!over) {
        try {
          auto client = server.client();
          for (int n = 0; n < 5; ++n)
            client.request("GET", n % 2 == 0 ? "/tiny" : "/wait");
        } catch (const std::exception&) {
          // The server is going: that is the point.
        }
      }
    });
  }
  REQUIRE(wait_until([&] { return server.handled > 200; }));
  CHECK(server.stop(10s) < 9s);
  over = true;
  for (std::thread& each : clients)
    each.join();
  CHECK(server.server().open_sessions() == 0);
}
