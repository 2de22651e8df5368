// Streams of one filter are one channel whatever their clients call them, and there is a bound on different
// ones.
#include "tests/http/records_support.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <deque>
#include <doctest/doctest.h>
#include <set>

using namespace synclog::tests;

namespace {

const http_headers as_stream{{"Accept", "text/event-stream"}};

// A stream of its own connection, or why there is none.
struct opened {
  opened(const server_fixture& server, const std::string& target) : client(server.port()) {
    client.send_request("GET", target, as_stream);
    head = client.read_head();
  }
  http_client client;
  http_reply head;
};

http_reply refused(const server_fixture& server, const std::string& target) {
  return server.get(target, as_stream);
}

} // namespace

TEST_CASE(
    "channels: subscriptions of any name share one channel, live and behind, and each carries its name") {
  const server_fixture server;
  constexpr int sockets = 4, names = 20;
  REQUIRE(server.post("/api/clients", R"({"id":"EARLY","full_name":"A"})").status == 201);
  std::deque<ws_client> clients;
  for (int i = 0; i < sockets; ++i) {
    auto& socket = clients.emplace_back(server.port());
    for (int name = 0; name < names; ++name) {
      // Half of them read what is there already.
      const std::string after = name % 2 == 0 ? R"("after":0,)" : "";
      socket.send_text(R"({"type":"subscribe","channels":["clients"],)" + after + R"("subscription":")" +
                       std::to_string(i) + "-" + std::to_string(name) + "\"}");
      socket.next_of("caught_up");
    }
  }
  CHECK(metric(server.port(), "synclog_stream_subscriptions") == sockets * names);
  CHECK(metric(server.port(), "synclog_stream_channels") == 1);
  REQUIRE(server.post("/api/clients", R"({"id":"LATE","full_name":"B"})").status == 201);
  for (int i = 0; i < sockets; ++i) {
    std::set<std::string> told;
    while (told.size() < names) {
      const auto event = clients[static_cast<std::size_t>(i)].next_of("event");
      REQUIRE(at(event, "/id") == "LATE");
      REQUIRE(at(event, "/subscription").starts_with(std::to_string(i) + "-"));
      REQUIRE(told.insert(at(event, "/subscription")).second);
    }
  }
  ws_client behind(server.port());
  behind.send_text(R"({"type":"subscribe","after":0,"subscription":"all"})");
  for (const char* id : {"EARLY", "LATE"}) {
    const auto event = behind.next_of("event");
    CHECK(at(event, "/id") == id);
    CHECK(at(event, "/subscription") == "all");
  }
}

TEST_CASE("channels: one different stream too many is refused with 503, an equal one is not") {
  const server_fixture server({.arguments = {"--max-channels", "8"}}); // two of them may name no id
  opened first(server, "/api/events"), second(server, "/api/events?resource=clients");
  REQUIRE(first.head.status == 200);
  REQUIRE(second.head.status == 200);
  const auto third = refused(server, "/api/events?resource=visits");
  CHECK(third.status == 503);
  CHECK(at(third.body, "/code") == "overloaded");
  CHECK(third.header("retry-after") == "1");
  CHECK(metric(server.port(), "synclog_stream_channels") == 2);
  CHECK(wait_until([&] { return metric(server.port(), "synclog_http_streams") == 2; }));

  opened equal(server, "/api/events?resource=clients");
  CHECK(equal.head.status == 200);
  std::deque<opened> narrow; // not looked at by every event
  for (int i = 0; i < 6; ++i)
    CHECK(narrow.emplace_back(server, "/api/events?id=N" + std::to_string(i)).head.status == 200);
  CHECK(refused(server, "/api/events?id=N6").status == 503);

  second.client.close();
  equal.client.close();
  CHECK(wait_until([&] { return opened(server, "/api/events?resource=visits").head.status == 200; }));
}

TEST_CASE("channels: live queries have a bound of their own, and any of them may differ") {
  const server_fixture server({.arguments = {"--max-channels", "1", "--max-live-queries", "6"}});
  opened events(server, "/api/events");
  CHECK(events.head.status == 200);
  std::deque<opened> different;
  for (int i = 0; i < 6; ++i)
    CHECK(different.emplace_back(server, "/api/clients?search=N" + std::to_string(i)).head.status == 200);
  const auto seventh = refused(server, "/api/clients?search=N6");
  CHECK(seventh.status == 503);
  CHECK(at(seventh.body, "/code") == "overloaded");
  CHECK(opened(server, "/api/clients?search=N3").head.status == 200);
  different.pop_front();
  CHECK(wait_until([&] { return opened(server, "/api/clients?search=N6").head.status == 200; }));
}

TEST_CASE("channels: a socket whose subscription is one too many is told so and closed with 1013") {
  const server_fixture server({.arguments = {"--max-channels", "4"}}); // one of them may name no id
  ws_client first(server.port()), second(server.port());
  first.send_text(R"({"type":"subscribe","channels":["clients"],"subscription":"a"})");
  first.next_of("subscribed");
  first.send_text(R"({"type":"subscribe","channels":["clients"],"subscription":"b"})");
  first.next_of("subscribed");
  second.send_text(R"({"type":"subscribe","channels":["visits"]})");
  CHECK(at(second.next_of("error"), "/code") == "overloaded");
  CHECK(at(second.next_of("bye"), "/reason") == "overloaded");
  CHECK(second.next_close() == 1013);
  REQUIRE(server.post("/api/clients", R"({"full_name":"A"})").status == 201);
  CHECK(at(first.next_of("event"), "/resource") == "clients");
}
