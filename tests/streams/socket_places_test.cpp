// Where the subscriptions of a socket stand in the log when they change: nothing is skipped without a word.
#include "tests/http/records_support.hpp"
#include "tests/streams/log_copy.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using streams::position_of;

namespace {

void write(const server_fixture& server, const std::string& entity, const std::string& fields) {
  const auto saved = server.post("/api/" + entity, "{" + fields + "}");
  REQUIRE_MESSAGE(saved.status == 201, saved.body);
}

} // namespace

TEST_CASE("socket: a void cursor is answered by resync, also when more channels are asked for at once") {
  const server_fixture server;
  std::string lines;
  for (int i = 0; i < 2'500; ++i)
    lines += R"({"full_name":"A","data":{"long":")" + std::string(3'000, 'x') + "\"}}\n";
  const http_headers as_lines{{"Content-Type", "application/x-ndjson"}};
  REQUIRE(server.request("POST", "/api/clients", as_lines, lines).status == 200);
  ws_client socket(server.port(), {.receive_buffer_bytes = 4'096});
  // More than the kernel holds, so that the socket's writer is busy while its reader takes what follows.
  socket.send_text(R"({"type":"subscribe","subscription":"all","after":0})");
  socket.next_of("event");
  // As a page comes back that subscribes channel by channel.
  socket.wire().send(ws_text(R"({"type":"subscribe","channels":["clients"],"after":"1-00000000"})") +
                     ws_text(R"({"type":"subscribe","channels":["visits"]})"));
  std::string reason;
  for (bool caught_up = false; !caught_up;) {
    const auto text = socket.next_text();
    if (text.starts_with(R"({"type":"event")")) continue;
    const bool is_ours = at(text, "/subscription") == "(absent)";
    if (at(text, "/type") == "resync") reason = at(text, "/reason");
    caught_up = is_ours && at(text, "/type") == "caught_up";
  }
  CHECK(reason == "other_history");
}

TEST_CASE("socket: a subscription that gives up channels is told from where it goes on") {
  const server_fixture server;
  ws_client socket(server.port());
  socket.send_text(R"({"type":"subscribe","subscription":"a","channels":["clients","visits"]})");
  socket.send_text(R"({"type":"subscribe","subscription":"b","channels":["distributors"]})");
  socket.next_of("caught_up");
  socket.next_of("caught_up");
  for (int i = 0; i < 3; ++i) {
    write(server, "distributors", R"("distributor_name":"D")");
    CHECK(at(socket.next_of("event"), "/subscription") == "b");
  }
  socket.send_text(R"({"type":"unsubscribe","subscription":"a","channels":["visits"]})");
  const auto left = socket.next_of("unsubscribed");
  CHECK(at(left, "/channels") == R"(["clients"])");
  const auto holds = position_of(at(left, "/cursor"));
  CHECK(holds <= 3);
  write(server, "visits", R"("visit_date":"2026-03-04")");
  write(server, "clients", R"("full_name":"A")");
  const auto event = socket.next_of("event");
  CHECK(at(event, "/resource") == "clients");
  CHECK(std::stoll(at(event, "/previous")) <= holds);
  socket.send_text(R"({"type":"unsubscribe","subscription":"a"})");
  CHECK(at(socket.next_of("unsubscribed"), "/channels") == "[]");
}

TEST_CASE("socket: a subscription that takes more channels goes on without a gap, from the same place") {
  const server_fixture server;
  for (int i = 0; i < 3; ++i) {
    write(server, "clients", R"("full_name":"A")");
    write(server, "visits", R"("visit_date":"2026-03-04")");
  }
  ws_client socket(server.port());
  socket.send_text(R"({"type":"subscribe","channels":["clients"],"after":0})");
  for (const char* expected : {"1", "3", "5"})
    CHECK(at(socket.next_of("event"), "/position") == expected);
  CHECK(position_of(at(socket.next_of("caught_up"), "/cursor")) == 6);
  socket.send_text(R"({"type":"subscribe","channels":["visits"]})");
  CHECK(position_of(at(socket.next_of("subscribed"), "/cursor")) == 6);
  write(server, "visits", R"("visit_date":"2026-03-04")");
  write(server, "clients", R"("full_name":"A")");
  CHECK(at(socket.next_of("event"), "/position") == "7");
  CHECK(at(socket.next_of("event"), "/position") == "8");
  // A place of its own beats where it stood.
  socket.send_text(R"({"type":"subscribe","after":"4"})");
  CHECK(position_of(at(socket.next_of("subscribed"), "/cursor")) == 4);
  for (const char* expected : {"5", "6", "7", "8"})
    CHECK(at(socket.next_of("event"), "/position") == expected);
}
