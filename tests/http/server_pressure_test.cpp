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

bool is_answered(const test_server& server) {
  try {
    return server.client().request("GET", "/tiny").status == 200;
  } catch (const std::runtime_error&) {
    return false;
  }
}

http_client slow_reader(const test_server& server, const char* source = "") {
  return http_client(server.port(), {.receive_buffer_bytes = 4'096, .source = source});
}

void ask_for(http_client& reader, std::size_t bytes) {
  reader.send_request("GET", "/big?bytes=" + std::to_string(bytes));
}

// True once so many answers wait for their readers; false when one is cut before.
bool all_wait(test_server& server, std::int64_t answers) {
  auto& seen = server.metrics();
  return wait_until([&] { return seen.waiting_writes == answers || seen.aborted_answers > 0; }) &&
         seen.aborted_answers == 0;
}

// So many connections, each of which has had an answer.
std::vector<http_client> served_clients(const test_server& server, std::size_t count) {
  std::vector<http_client> made;
  for (std::size_t one = 0; one < count; ++one) {
    made.push_back(server.client());
    REQUIRE(made.back().request("GET", "/tiny").status == 200);
  }
  return made;
}

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

TEST_CASE("pressure: a request that comes when its connection has been parted with is not run") {
  auto with = test_server::quick_settings();
  with.limits.max_connections = 2;
  with.threads = 1;
  test_server server(with);
  std::promise<void> stopped, go_on;
  auto may_go_on = go_on.get_future();
  server.in_stream = [&] {
    stopped.set_value();
    may_go_on.wait_for(15s);
  };
  auto idle = server.client();
  REQUIRE(idle.request("GET", "/tiny").status == 200);
  auto stream = server.client();
  stream.send_request("GET", "/stream");
  REQUIRE(stopped.get_future().wait_for(15s) == std::future_status::ready);
  // The server's one thread is held up. It will find somebody who comes, to whom it gives the idle one's
  // place, and then what the idle one asks.
  auto newcomer = server.client();
  newcomer.send_request("GET", "/tiny");
  idle.send_request("GET", "/wait");
  go_on.set_value();
  CHECK(newcomer.read_reply().status == 200);
  CHECK(idle.closed_by_server());
  CHECK(server.metrics().parted_with == 1);
  CHECK(server.handled == 3);
}

TEST_CASE("pressure: one that comes costs one idle connection its place, not many") {
  constexpr std::size_t places = 160;
  auto with = test_server::quick_settings();
  with.limits.max_connections = places;
  test_server server(with);
  auto idle = served_clients(server, places);
  auto newcomer = server.client();
  CHECK(newcomer.request("GET", "/tiny").status == 200);
  std::size_t left = 0;
  for (auto& one : idle) {
    try {
      left += one.request("GET", "/tiny").status == 200 ? 1 : 0;
    } catch (const std::runtime_error&) {
      // Its place was taken.
    }
  }
  CHECK(left == places - 1);
  CHECK(server.metrics().parted_with == 1);
}

TEST_CASE("pressure: a crowd that comes costs as many idle connections their places, not more") {
  constexpr std::size_t places = 320, crowd = 40;
  auto with = test_server::quick_settings();
  with.limits.max_connections = places;
  test_server server(with);
  auto idle = served_clients(server, places);
  const auto newcomers = served_clients(server, crowd);
  CHECK(wait_until([&] { return server.server().open_sessions() == places; }));
  CHECK(server.metrics().parted_with >= crowd);
  CHECK(server.metrics().parted_with < crowd + 8); // those who were still leaving at a look at the deadlines
}

TEST_CASE("pressure: one that was chosen to go and went by itself is not counted against its address") {
  constexpr std::size_t places = 64;
  auto with = test_server::quick_settings();
  with.limits.max_connections = places;
  with.limits.max_connections_per_address = 2;
  test_server server(with);
  std::vector<http_client> silent;
  for (std::size_t one = 0; one < places; ++one) {
    const bool is_counted = one == 2 || one == 3;
    silent.push_back(http_client(server.port(), {.source = is_counted ? "127.0.0.2" : ""}));
    REQUIRE(wait_until([&] { return server.server().open_sessions() == one + 1; }));
  }
  // The second look chooses two, of whom one is told.
  std::vector<http_client> newcomers;
  for (int one = 0; one < 2; ++one) {
    newcomers.push_back(server.client());
    CHECK(newcomers.back().request("GET", "/tiny").status == 200);
  }
  silent[2].close();
  REQUIRE(wait_until([&] { return server.server().open_sessions() == places - 1; }));
  CHECK(wait_until([&] {
    http_client again(server.port(), {.source = "127.0.0.2"});
    again.send_request("GET", "/tiny");
    return again.read_reply().status == 200;
  }));
}

TEST_CASE("pressure: who is refused and holds back the rest of a small body makes room at once") {
  constexpr std::size_t places = 3;
  auto with = test_server::quick_settings();
  with.limits.max_connections = places;
  test_server server(with);
  std::vector<http_client> refused;
  for (std::size_t one = 0; one < places; ++one) {
    refused.push_back(server.client());
    // The first one's answer comes when the server waits for the second one's body.
    refused.back().send("GET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhel");
    REQUIRE(refused.back().read_reply().status == 200);
  }
  // A body that is wanted has five seconds.
  CHECK(wait_until([&] { return is_answered(server); }, 4s));
}

TEST_CASE("pressure: a connection with answers still to be read is not idle, whatever else it has begun to "
          "ask") {
  auto with = test_server::quick_settings();
  with.limits.max_connections = 1;
  test_server server(with);
  auto reader = slow_reader(server);
  // Small enough to wait for the next one's answer, whose head does not come.
  const std::string asked = "GET /big?bytes=15000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  int answers = 0;
  reader.send(asked.substr(0, 1));
  while (server.metrics().waiting_writes == 0) {
    REQUIRE(++answers < 10'000);
    reader.send(asked.substr(1) + asked.substr(0, 1));
    REQUIRE(wait_until([&] { return server.handled == answers || server.metrics().waiting_writes == 1; }));
  }
  for (int one = 0; one < 10; ++one)
    CHECK_FALSE(is_answered(server));
  CHECK(server.metrics().parted_with == 0);
  for (int one = 0; one < answers; ++one)
    REQUIRE(reader.read_reply().body.size() == 15'000);
}

TEST_CASE("pressure: one caller's slow readers make room for another's answers, his largest first") {
  auto with = test_server::quick_settings();
  // Room for three, and with the quarter that those take who are about to go for a fourth, whatever part of
  // each the sockets take.
  with.limits.max_unread_bytes = 16 * large / 5;
  test_server server(with);
  std::vector<http_client> greedy;
  for (std::int64_t one = 1; one <= 3; ++one) {
    greedy.push_back(slow_reader(server, "127.0.0.2"));
    ask_for(greedy.back(), large);
    REQUIRE(all_wait(server, one));
  }
  // His own next one is what is too much; another's is not, though nobody has been slow for long.
  auto more = slow_reader(server, "127.0.0.2");
  ask_for(more, 2 * large);
  CHECK(wait_until([&] { return server.metrics().aborted_answers == 1; }));
  CHECK(more.closed_by_server());
  CHECK(server.metrics().parted_with == 0);
  auto other = slow_reader(server, "127.0.0.3");
  ask_for(other, large);
  CHECK(
      wait_until([&] { return server.metrics().parted_with == 1 && server.metrics().waiting_writes == 3; }));
  CHECK(other.read_head().status == 200);
  CHECK(server.metrics().aborted_answers == 1);
}

TEST_CASE("pressure: what a reader has taken of its answer is room for others") {
  auto with = test_server::quick_settings();
  with.limits.max_unread_bytes = 45'000'000; // too little for both, whatever the sockets take
  test_server server(with);
  http_client first(server.port(), {.receive_buffer_bytes = 200'000}); // it does not grow
  ask_for(first, 2 * large);
  REQUIRE(all_wait(server, 1));
  // More than its sockets can hold is still left.
  for (std::size_t taken = 0; taken < large + large / 4;)
    taken += first.read_some().size();
  REQUIRE(all_wait(server, 1));
  auto second = slow_reader(server);
  ask_for(second, large);
  CHECK(all_wait(server, 2));
}

TEST_CASE("pressure: of two answers that last the one whose reader takes nothing goes, not the one that is "
          "read steadily") {
  auto with = test_server::quick_settings();
  with.limits.max_connections = 2;
  test_server server(with);
  auto steady = server.client();
  steady.send_request("GET", "/flood?size=65536");
  REQUIRE(steady.read_head().status == 200);
  REQUIRE(all_wait(server, 1));
  auto stalled = slow_reader(server);
  ask_for(stalled, large);
  REQUIRE(all_wait(server, 2));
  // The slowness is what is tested. A megabyte a second and more, read in a hundred pieces.
  const auto began = std::chrono::steady_clock::now();
  for (int piece = 1; piece <= 60; ++piece) {
    for (std::size_t taken = 0; taken < 100'000;)
      taken += steady.read_some().size();
    std::this_thread::sleep_until(began + piece * 100ms);
  }
  CHECK(is_answered(server));
  CHECK(stalled.closed_by_server());
  for (std::size_t taken = 0; taken < 10'000'000;) {
    const auto bytes = steady.read_some().size();
    REQUIRE(bytes > 0);
    taken += bytes;
  }
  CHECK(server.metrics().parted_with == 1);
}
