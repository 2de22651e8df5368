// Who has to go, and what is given back, when room is short: bodies, unread answers, places for connections.
// Over real sockets; 127.0.0.2 and its like are callers that are counted, 127.0.0.1 is not.
#include "server_fakes.hpp"
#include <doctest/doctest.h>
#include <future>
#include <thread>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_client;
using tests::test_server;
using tests::wait_until;

namespace {

constexpr std::size_t large = 20'000'000; // far more than a socket takes

} // namespace

TEST_CASE("pressure: a request's body makes room for others when its answer begins, a GET's before") {
  auto with = test_server::quick_settings();
  with.limits.max_body_bytes = with.limits.max_bodies_bytes = 30'000'000;
  test_server server(with);
  const std::string body(large, 'b');
  const auto fits = [&] { return server.client().request("POST", "/echo", {}, body).status == 200; };
  auto reader = server.client();
  reader.send_request("POST", "/echo", {}, body);
  REQUIRE(wait_until([&] { return server.metrics().waiting_writes == 1; }));
  CHECK(fits());
  auto held = server.client();
  held.send_request("GET", "/hold", {}, body);
  REQUIRE(wait_until([&] { return server.held == 1; }));
  CHECK(fits());
  server.release();
  CHECK(held.read_reply().status == 200);
  CHECK(reader.read_reply().body == body);
}
