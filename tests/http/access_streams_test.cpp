// Streams end soon after their token has, on every server of the database, and say why.
#include "access_support.hpp"
#include "records_support.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <memory>

using namespace synclog;
using namespace synclog::tests;
using core::role;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr auto gone_within = 5s;

// A server-sent stream that is open: its head has come.
struct open_stream {
  open_stream(const server_fixture& server, std::string_view target, const http_headers& headers)
      : client(server.connect()) {
    client.send_request("GET", target, headers);
    reader = std::make_unique<sse_reader>(client);
  }
  // The reason of its `bye`; "" when it ends without one.
  std::string bye() {
    while (const auto event = reader->next())
      if (event->name == "bye") {
        CHECK(!reader->next());
        return at(event->data, "/reason");
      }
    return "";
  }
  http_client client;
  std::unique_ptr<sse_reader> reader;
};

struct open_streams {
  open_streams(const server_fixture& server, const test_token& token)
      : events(server, "/api/events", token.header_and("Accept", "text/event-stream")),
        behind(server, "/api/events?after=0", token.header_and("Accept", "text/event-stream")),
        live(server, "/api/clients", token.header_and("Accept", "text/event-stream")),
        socket(server.port(), {}, "/ws", token.header()) {
    socket.send_text(R"({"type":"subscribe","channels":["clients"]})");
    CHECK(socket.next_of("subscribed") != "");
  }
  void end() {
    CHECK(events.bye() == "token");
    CHECK(behind.bye() == "token");
    CHECK(live.bye() == "token");
    CHECK(socket.next_close() == 4401);
  }
  open_stream events, behind, live;
  ws_client socket;
};

} // namespace

TEST_CASE(
    "streams: they end within five seconds of a revocation or an expiry, on both servers; others stay") {
  server_fixture one(asks_for_tokens());
  server_fixture other(asks_for_tokens({}, &one));
  const auto stays = make_token(one, "stays", role::editor);
  REQUIRE(one.post("/api/clients", R"({"id":"CLT-1","full_name":"A"})", stays.header()).status == 201);
  open_stream untouched(other, "/api/events", stays.header_and("Accept", "text/event-stream"));

  SUBCASE("revoked") {
    const auto token = make_token(one, "goes", role::viewer);
    open_streams here(one, token), there(other, token);
    revoke_token(one, token);
    const auto began = clock_type::now();
    here.end();
    there.end();
    CHECK(clock_type::now() - began < gone_within);
  }
  SUBCASE("expired") {
    const auto token = make_token(one, "goes", role::viewer, {}, "3 seconds");
    const auto began = clock_type::now();
    open_streams here(one, token), there(other, token);
    here.end();
    there.end();
    CHECK(clock_type::now() - began < 3s + gone_within);
    CHECK(clock_type::now() - began > 2s);
  }
  SUBCASE("signed out") {
    const auto token = make_token(one, "goes", role::viewer);
    const auto cookie = cookie_of(one.post("/api/session", "", token.header()));
    open_stream by_cookie(other, "/api/events", {{"Cookie", cookie}, {"Accept", "text/event-stream"}});
    open_stream by_token(other, "/api/events", token.header_and("Accept", "text/event-stream"));
    const auto origin = fmt::format("http://localhost:{}", one.port());
    const auto began = clock_type::now();
    CHECK(one.request("DELETE", "/api/session", {{"Cookie", cookie}, {"Origin", origin}}).status == 204);
    CHECK(by_cookie.bye() == "token");
    CHECK(clock_type::now() - began < gone_within);
    revoke_token(one, token);
    CHECK(by_token.bye() == "token");
  }
  // Whoever has done nothing still hears.
  REQUIRE(one.post("/api/clients", R"({"id":"CLT-2","full_name":"B"})", stays.header()).status == 201);
  for (;;) {
    const auto event = untouched.reader->next();
    REQUIRE(event);
    CHECK(event->name != "bye");
    if (event->name.empty() && at(event->data, "/id") == "CLT-2") break;
  }
}

TEST_CASE("streams: a client that does not read is cut, and a long list ends, when their token has") {
  server_fixture server(asks_for_tokens());
  const auto writer = make_token(server, "writer", role::editor);
  std::string body = "[";
  const std::string filler(6'000, 'x');
  for (int i = 0; i < 3'000; ++i)
    body += fmt::format(R"({}{{"full_name":"A {}","data":{{"f":"{}"}}}})", i == 0 ? "" : ",", i, filler);
  body += "]";
  REQUIRE(server.post("/api/clients", body, writer.header()).status == 200);
  for (const bool is_list : {false, true}) {
    CAPTURE(is_list);
    const auto token = make_token(server, unique_word("stuck"), role::viewer);
    http_client_options narrow;
    narrow.receive_buffer_bytes = 4'096;
    http_client client(server.port(), narrow);
    auto headers = token.header();
    if (!is_list) headers.emplace_back("Accept", "text/event-stream");
    client.send_request("GET", is_list ? "/api/clients" : "/api/events?after=0", headers);
    client.read_head();
    revoke_token(server, token);
    // It reads nothing until the server has given up.
    const auto open = [&] {
      const auto text = server.get("/metrics", writer.header()).body;
      const std::string name = "\nsynclog_http_connections ";
      return std::stod(text.substr(text.find(name) + name.size()));
    };
    CHECK(wait_until([&] { return open() == 1; }, gone_within));
    bool whole = true;
    std::size_t got = 0;
    try {
      while (const auto chunk = client.read_chunk())
        got += chunk->size();
    } catch (const std::runtime_error&) {
      whole = false;
    }
    CHECK_FALSE(whole);
    CHECK(got < body.size() / 2);
  }
}
