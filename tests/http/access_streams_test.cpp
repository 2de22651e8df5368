// Streams end soon after their token has, on every server of the database, and say why.
#include "access_support.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/plain_connection.hpp"
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

// More than sockets hold.
std::string records_of_a_long_list() {
  std::string body = "[";
  const std::string filler(6'000, 'x');
  for (int i = 0; i < 3'000; ++i)
    body += fmt::format(R"({}{{"full_name":"A {}","data":{{"f":"{}"}}}})", i == 0 ? "" : ",", i, filler);
  return body + "]";
}

// Whether an answer came to its end, and how much of it came.
std::pair<bool, std::size_t> read_rest(http_client& client) {
  std::size_t got = 0;
  try {
    while (const auto chunk = client.read_chunk())
      got += chunk->size();
  } catch (const std::runtime_error&) {
    return {false, got};
  }
  return {true, got};
}

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
  const auto body = records_of_a_long_list();
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
    const auto [whole, got] = read_rest(client);
    CHECK_FALSE(whole);
    CHECK(got < body.size() / 2);
  }
}

TEST_CASE("streams: a long list ends when its token has, also when its client reads on") {
  server_fixture server(asks_for_tokens());
  const auto admin = make_token(server, "keeper", role::admin);
  const auto body = records_of_a_long_list();
  REQUIRE(server.post("/api/clients", body, admin.header()).status == 200);
  const auto token = make_token(server, "reader", role::viewer);
  http_client_options narrow;
  narrow.receive_buffer_bytes = 4'096;
  http_client client(server.port(), narrow);
  client.send_request("GET", "/api/clients", token.header());
  client.read_head();
  // The server that was asked knows before it answers.
  REQUIRE(server.request("DELETE", "/api/admin/tokens/" + token.id, admin.header()).status == 200);
  const auto [whole, got] = read_rest(client);
  CHECK_FALSE(whole);
  CHECK(got < body.size());
}

TEST_CASE(
    "streams: an undo writes no more and a verification is left when the access of who asked has ended") {
  server_fixture server(asks_for_tokens());
  const auto writer = make_token(server, "writer", role::editor);
  std::string body = "[";
  for (int i = 0; i < 1'200; ++i) // three batches of an undo
    body += fmt::format(R"({}{{"full_name":"A {}"}})", i == 0 ? "" : ",", i);
  REQUIRE(server.post("/api/clients", body + "]", writer.header()).status == 200);
  const auto before = server.event_count();
  const auto brief = make_token(server, "brief", role::admin, {}, "2 seconds");
  const auto has_ended = [&] {
    // And whoever looks every quarter of a second has seen it.
    return server.sql(fmt::format("SELECT expires_at + interval '1 second' < now() FROM synclog.tokens "
                                  "WHERE id = '{}'",
                                  brief.id)) == "t";
  };
  eventstore::pg::plain_connection holder(server.database_url(), "", "test");
  const auto undone_since = [&server](std::int64_t position) {
    return std::stoi(server.sql(fmt::format(
        "SELECT count(*) FROM synclog.events WHERE position > {} AND entity = 'clients'", position)));
  };
  const std::string selection = R"({"actor":"writer"})";
  auto headers = brief.header_and("Content-Type", "application/json");

  SUBCASE("an undo that tells its progress") {
    holder.run(fmt::format("SELECT pg_advisory_lock({})", eventstore::head_lock_key));
    headers.emplace_back("Accept", "text/event-stream");
    auto client = server.connect();
    client.send_request("POST", "/api/admin/undo", headers, selection);
    sse_reader events(client);
    REQUIRE(wait_until(has_ended, gone_within));
    holder.run("SELECT pg_advisory_unlock_all()");
    sse_event last;
    while (const auto event = events.next())
      last = *event;
    CHECK(last.name == "bye");
    CHECK(at(last.data, "/reason") == "token");
    CHECK(undone_since(before) > 0);
    CHECK(undone_since(before) <= 500);
  }
  SUBCASE("an undo that answers once") {
    holder.run(fmt::format("SELECT pg_advisory_lock({})", eventstore::head_lock_key));
    auto client = server.connect();
    client.send_request("POST", "/api/admin/undo", headers, selection);
    REQUIRE(wait_until(has_ended, gone_within));
    holder.run("SELECT pg_advisory_unlock_all()");
    CHECK(client.read_reply().status == 401);
    CHECK(undone_since(before) > 0);
    CHECK(undone_since(before) <= 500);
  }
  SUBCASE("an undo whose client has gone") {
    const auto lasting = make_token(server, "lasting", role::admin);
    holder.run(fmt::format("SELECT pg_advisory_lock({})", eventstore::head_lock_key));
    {
      auto client = server.connect();
      client.send_request("POST", "/api/admin/undo", lasting.header_and("Content-Type", "application/json"),
                          selection);
      // It waits for the lock.
      REQUIRE(wait_until(
          [&] {
            return server.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
                              "AND NOT granted") != "0";
          },
          gone_within));
    }
    REQUIRE(wait_until(has_ended, gone_within)); // some seconds
    holder.run("SELECT pg_advisory_unlock_all()");
    // The next one is let in when that one is over.
    CHECK(wait_until(
        [&] {
          return server.post("/api/admin/undo", R"({"actor":"nobody","dry_run":true})", lasting.header())
                     .status == 200;
        },
        gone_within));
    CHECK(undone_since(before) > 0);
    CHECK(undone_since(before) <= 500);
  }
  SUBCASE("a verification") {
    holder.run("BEGIN");
    holder.run("LOCK TABLE synclog.events IN ACCESS EXCLUSIVE MODE");
    open_stream verifying(server, "/api/admin/verify", brief.header_and("Accept", "text/event-stream"));
    CHECK(verifying.bye() == "token");
    holder.abandon_transaction();
  }
}
