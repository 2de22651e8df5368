// A reader that is behind for too long is told so, and comes back with its cursor without losing anything.
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

constexpr int records = 1'500;
constexpr std::size_t padding = 16'000; // together far more than the kernel holds for one connection
constexpr int small_buffer = 64 << 10;

const http_client_options small{.patience = 30s, .receive_buffer_bytes = small_buffer};

void write_much(const server_fixture& server) {
  const std::string notes(padding, 'x');
  constexpr int each = 100;
  for (int first = 0; first < records; first += each) {
    std::string body;
    for (int i = 0; i < each; ++i)
      body += R"({"id":"V)" + std::to_string(first + i) + R"(","visit_date":"2026-11-24","notes":")" + notes +
              "\"}\n";
    const auto saved =
        server.request("POST", "/api/visits", {{"Content-Type", "application/x-ndjson"}}, body);
    REQUIRE_MESSAGE(saved.status == 200, saved.body);
  }
}

double metric(const server_fixture& server, const std::string& name) {
  const auto text = server.get("/metrics").body;
  const auto found = text.find("\n" + name + " ");
  return found == std::string::npos ? -1 : std::stod(text.substr(found + name.size() + 2));
}

// A server that waits one second for slow readers, and how the time is known to be over.
const server_options impatient{.arguments = {"--slow-reader", "1"}};

// Long enough behind: what has not been sent is older than the bound.
void let_time_pass() {
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(wait_until([begun] { return std::chrono::steady_clock::now() - begun > 1'500ms; }));
}

} // namespace

TEST_CASE("slow reader: a stream far behind for too long is told bye, and resumes where it was") {
  const server_fixture server(impatient);
  std::int64_t seen = 0;
  std::string cursor;
  {
    http_client client(server.port(), small);
    client.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}});
    sse_reader reader(client);
    for (auto event = reader.next(); event && event->name != "caught_up";)
      event = reader.next();
    write_much(server);
    let_time_pass();
    std::string last;
    for (auto event = reader.next(); event; event = reader.next()) {
      last = event->name.empty() ? last : event->name + " " + event->data;
      if (!event->id.empty()) cursor = event->id;
      if (event->name.empty() && !event->data.empty())
        REQUIRE(at(event->data, "/position") == std::to_string(++seen));
    }
    CHECK(last.starts_with(R"(bye {"reason":"too_slow","retry_ms":)"));
    CHECK(seen > 0);
    CHECK(seen < records);
  }
  CHECK(metric(server, "synclog_stream_slow_closes_total") == 1);
  http_client again(server.port());
  again.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}, {"Last-Event-ID", cursor}});
  sse_reader rest(again);
  while (seen < records) {
    const auto event = rest.next();
    REQUIRE(event);
    if (event->name.empty() && !event->data.empty())
      REQUIRE(at(event->data, "/position") == std::to_string(++seen));
  }
}

TEST_CASE("slow reader: catching up from far back is nobody's fault, however long it takes") {
  const server_fixture server(impatient);
  write_much(server);
  http_client client(server.port(), small);
  client.send_request("GET", "/api/events?after=0", {{"Accept", "text/event-stream"}});
  sse_reader reader(client);
  let_time_pass();
  std::int64_t seen = 0;
  while (seen < records) {
    const auto event = reader.next();
    REQUIRE(event);
    REQUIRE(event->name != "bye");
    if (event->name.empty() && !event->data.empty())
      REQUIRE(at(event->data, "/position") == std::to_string(++seen));
  }
  CHECK(metric(server, "synclog_stream_slow_closes_total") == 0);
}

TEST_CASE("slow reader: who has nothing to read is not slow") {
  const server_fixture server(impatient);
  http_client client(server.port(), small);
  client.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}});
  sse_reader reader(client);
  for (auto event = reader.next(); event && event->name != "caught_up";)
    event = reader.next();
  // Past the bound, and past the stream's own looks at the clock.
  const auto begun = std::chrono::steady_clock::now();
  const auto waited = [begun] { return std::chrono::steady_clock::now() - begun > 6s; };
  REQUIRE(wait_until(waited, 10s));
  REQUIRE(server.post("/api/clients", R"({"full_name":"A"})").status == 201);
  for (auto event = reader.next();; event = reader.next()) {
    REQUIRE(event);
    REQUIRE(event->name != "bye");
    if (event->name.empty() && !event->data.empty()) break;
  }
}

TEST_CASE("slow reader: a socket is told bye and closed with 4413") {
  const server_fixture server(impatient);
  ws_client socket(server.port(), small);
  socket.send_text(R"({"type":"subscribe","channels":["visits"]})");
  socket.next_of("caught_up");
  write_much(server);
  let_time_pass();
  std::int64_t seen = 0;
  std::string bye;
  for (;;) {
    const auto frame = socket.next_frame();
    REQUIRE(frame);
    if (frame->opcode == ws_opcode::close) {
      CHECK(frame->close_code() == 4413);
      break;
    }
    if (frame->opcode != ws_opcode::text) continue;
    REQUIRE(bye.empty()); // nothing follows it but the close frame
    if (at(frame->payload, "/type") == "event")
      REQUIRE(at(frame->payload, "/position") == std::to_string(++seen));
    if (at(frame->payload, "/type") == "bye") bye = frame->payload;
  }
  CHECK(at(bye, "/reason") == "too_slow");
  CHECK(seen < records);
  CHECK(metric(server, "synclog_stream_slow_closes_total") == 1);
}

TEST_CASE(
    "slow reader: what the socket did not take at once follows as soon as it does, with nothing behind it") {
  const server_fixture server;
  http_client client(server.port(), small);
  client.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}});
  sse_reader reader(client);
  for (auto event = reader.next(); event && event->name != "caught_up";)
    event = reader.next();
  // Each larger than what the kernel holds for one connection is likely to be, and each the last for now.
  const std::string notes(900'000, 'x');
  constexpr int large = 12;
  const auto body = [&notes](int i) {
    return R"({"id":"L)" + std::to_string(i) + R"(","visit_date":"2026-11-24","data":{"x":")" + notes +
           "\"}}";
  };
  std::int64_t seen = 0;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < large; ++i)
      REQUIRE(server.post("/api/visits", body(round * large + i)).status == 201);
    const auto begun = std::chrono::steady_clock::now();
    while (seen < (round + 1) * large) {
      const auto event = reader.next();
      REQUIRE(event);
      if (event->name.empty() && !event->data.empty())
        REQUIRE(at(event->data, "/position") == std::to_string(++seen));
    }
    CHECK(std::chrono::steady_clock::now() - begun < 4s); // no checkpoint had to push it
  }
}
