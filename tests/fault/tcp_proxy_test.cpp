// The proxy of the fault runs does what it says.
#include "fault/tcp_proxy.hpp"
#include "support/http_client.hpp"
#include "support/server_fixture.hpp"
#include "support/wait.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace synclog::tests::fault;
using namespace std::chrono_literals;

TEST_CASE("proxy: it passes on, keeps back in one direction, gives what it kept, and resets") {
  auto& server = server_fixture::shared();
  tcp_proxy between([&server] { return server.port(); });
  http_client client(between.port());
  CHECK(client.request("GET", "/livez").status == 200);
  CHECK(between.connections() == 1);
  for (const auto towards : {tcp_proxy::direction::to_server, tcp_proxy::direction::to_client}) {
    between.silence(towards);
    client.send_request("GET", "/livez");
    CHECK(!client.readable(200ms));
    between.resume();
    CHECK(client.read_reply().status == 200);
  }
  CHECK(between.reset_all() == 1);
  CHECK(client.closed_by_server());
  CHECK(client.was_reset());
  CHECK(wait_until([&] { return between.connections() == 0; }));
}
