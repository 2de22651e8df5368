// Too much of everything on a WebSocket: bad frames, pings, commands, subscriptions; and the server's own
// end.
#include "tests/http/records_support.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_flooded = 32u << 20;

// Sends `piece` again and again, and never reads, until the server takes no more or enough have gone.
std::size_t flood(ws_client& socket, const std::string& piece) {
  std::string burst;
  while (burst.size() < (256u << 10))
    burst += piece;
  std::size_t sent = 0;
  while (sent < most_flooded) {
    const auto took = socket.wire().try_send(burst, 300ms);
    sent += took;
    if (took < burst.size()) break;
  }
  return sent;
}

} // namespace

TEST_CASE("socket: a flood of bad frames closes with 4400, some bad ones among many good ones do not") {
  const auto& server = server_fixture::shared();
  ws_client patient(server.port());
  for (int i = 0; i < 15; ++i) {
    patient.send_text("nonsense");
    patient.next_of("error");
    for (int good = 0; good < 20; ++good) {
      patient.send_text(R"({"type":"ping"})");
      patient.next_of("pong");
    }
  }
  ws_client flooding(server.port());
  std::string bad;
  for (int i = 0; i < 200; ++i)
    bad += ws_text("nonsense");
  flooding.wire().send(bad);
  int errors = 0;
  std::optional<ws_frame> last;
  while (auto frame = flooding.next_frame()) {
    last = frame;
    errors += at(frame->payload, "/type") == "error" ? 1 : 0;
    if (frame->opcode == ws_opcode::close) break;
  }
  REQUIRE(last);
  CHECK(last->opcode == ws_opcode::close);
  CHECK(last->close_code() == 4400);
  CHECK(errors == 21);
  // The echo ends it at once.
  flooding.send({.opcode = ws_opcode::close, .masked = true, .payload = ws_close_payload(4400)});
  CHECK(flooding.wire().closed_by_server());
}

TEST_CASE("socket: a client that sends without end and never reads costs the server a bounded memory") {
  const server_fixture server;
  constexpr std::int64_t max_growth_kb = 16 << 10;
  { // warm
    ws_client first(server.port());
    first.send_text(R"({"type":"subscribe"})");
    first.next_of("caught_up");
  }
  struct flooding {
    std::string piece;
    bool blocks; // its answers are as long as itself: unread ones stop the server from reading on
  };
  const std::vector<flooding> kinds{
      {ws_bytes({.opcode = ws_opcode::ping, .masked = true, .payload = std::string(125, 'p')}), true},
      {ws_text(R"({"type":"ping"})"), true},
      {ws_text(R"({"type":"subscribe","subscription":"a","after":0})"), true},
      {ws_text(R"({"type":"subscribe","channels":["clients","nowhere"]})"), true},
      {ws_text(R"({"type":"subscribe","channels":[)" + std::string(60'000, ' ') + R"("clients"]})"), false},
      {ws_text(R"({"type":"unsubscribe"})"), false},
  };
  const auto before = resident_kb(server.pid());
  std::vector<ws_client> floods;
  for (const auto& [piece, blocks] : kinds) {
    for (int i = 0; i < 3; ++i) {
      floods.emplace_back(server.port(), http_client_options{.receive_buffer_bytes = 4'096});
      const auto sent = flood(floods.back(), piece);
      CAPTURE(piece.substr(0, 60));
      if (blocks) CHECK(sent < most_flooded);
    }
  }
  const auto grown = resident_kb(server.pid()) - before;
  MESSAGE("resident memory grew by ", grown, " kB under ", floods.size(), " floods");
  CHECK(grown < max_growth_kb);
  // Others are served meanwhile.
  ws_client other(server.port());
  other.send_text(R"({"type":"subscribe","channels":["clients"]})");
  other.next_of("caught_up");
  REQUIRE(server.post("/api/clients", R"({"full_name":"A"})").status == 201);
  CHECK(at(other.next_of("event"), "/resource") == "clients");
}

TEST_CASE("socket: the 65th subscription is refused, the others and the socket stay") {
  const auto& server = server_fixture::shared();
  ws_client socket(server.port());
  for (int i = 0; i < 64; ++i) {
    const auto name = "s" + std::to_string(i);
    socket.send_text(R"({"type":"subscribe","channels":["visits"],"subscription":")" + name + "\"}");
    CHECK(at(socket.next_of("subscribed"), "/subscription") == name);
  }
  socket.send_text(R"({"type":"subscribe","channels":["visits"],"subscription":"one more"})");
  CHECK(at(socket.next_of("error"), "/code") == "bad_request");
  // One that is there already may change.
  socket.send_text(R"({"type":"subscribe","channels":["clients"],"subscription":"s7"})");
  CHECK(size_at(socket.next_of("subscribed"), "/channels") == 2);
  socket.send_text(R"({"type":"unsubscribe","subscription":"s9"})");
  socket.next_of("unsubscribed");
  socket.send_text(R"({"type":"subscribe","channels":["visits"],"subscription":"one more"})");
  CHECK(at(socket.next_of("subscribed"), "/subscription") == "one more");
  const auto id = unique_word("FLOOD-");
  REQUIRE(server.post("/api/clients", R"({"full_name":"A","id":")" + id + "\"}").status == 201);
  const auto event = socket.next_of("event");
  CHECK(at(event, "/id") == id);
  CHECK(at(event, "/subscription") == "s7");
}

TEST_CASE(
    "socket: a server that stops says bye and closes with 1012, to those who answer and those who do not") {
  server_fixture server;
  ws_client polite(server.port()), silent(server.port()), fresh(server.port());
  polite.send_text(R"({"type":"subscribe"})");
  polite.next_of("caught_up");
  server.terminate();
  const auto bye = polite.next_of("bye");
  CHECK(at(bye, "/reason") == "restart");
  CHECK(std::stoi(at(bye, "/retry_ms")) >= 2'000);
  CHECK(polite.next_close() == 1012);
  polite.send({.opcode = ws_opcode::close, .masked = true, .payload = ws_close_payload(1012)});
  CHECK(!polite.next_frame());
  CHECK(!polite.wire().was_reset());
  fresh.next_of("bye");
  CHECK(fresh.next_close() == 1012);
  CHECK(server.wait_stopped() == 0); // `silent` never answered
  CHECK(silent.next_close() == 1012);
}
