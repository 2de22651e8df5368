// GET /api/events as SSE: catch-up, live, resume, control frames, the end.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>
#include <thread>

using namespace synclog::tests;

namespace {

// One subscription over a connection of its own.
class stream {
 public:
  explicit stream(const server_fixture& server, const std::string& query = "", http_headers headers = {})
      : client_(server.connect()) {
    headers.emplace_back("Accept", "text/event-stream");
    client_.send_request("GET", "/api/events" + query, headers);
    reader_.emplace(client_);
  }

  const http_reply& head() const { return reader_->head(); }

  sse_event next() {
    auto event = reader_->next();
    REQUIRE(event);
    return std::move(*event);
  }
  // The next frame that is no checkpoint.
  sse_event next_telling() {
    for (;;) {
      auto event = next();
      if (event.name != "checkpoint") return event;
    }
  }
  // The next event of the log.
  std::string next_data() {
    for (;;) {
      auto event = next();
      if (event.name.empty() && !event.data.empty()) {
        CHECK(event.id == at(event.data, "/cursor"));
        return event.data;
      }
    }
  }
  std::string until(std::string_view name) {
    for (;;) {
      auto event = next();
      if (event.name == name) return event.data;
    }
  }
  bool ended() { return !reader_->next(); }

 private:
  http_client client_;
  std::optional<sse_reader> reader_;
};

void write(const server_fixture& server, const std::string& id, const std::string& branch = "north") {
  const auto saved =
      server.post("/api/clients", R"({"id":")" + id + R"(","full_name":"A","branch":")" + branch + "\"}");
  REQUIRE_MESSAGE(saved.status == 201, saved.body);
}

} // namespace

TEST_CASE("sse: from 0 every event comes in order, then live ones") {
  const server_fixture server;
  for (int i = 1; i <= 300; ++i)
    write(server, "C-" + std::to_string(i));
  stream from_start(server, "?after=0");
  CHECK(from_start.head().status == 200);
  CHECK(from_start.head().header("content-type") == "text/event-stream");
  CHECK(from_start.head().header("cache-control") == "no-store");
  CHECK(from_start.head().header("x-accel-buffering") == "no");
  const auto hello = from_start.until("hello");
  CHECK(at(hello, "/cursor").starts_with("0-"));
  for (int i = 1; i <= 300; ++i) {
    const auto data = from_start.next_data();
    REQUIRE(at(data, "/position") == std::to_string(i));
    CHECK(at(data, "/previous") == std::to_string(i - 1));
    CHECK(at(data, "/id") == "C-" + std::to_string(i));
  }
  const auto caught_up = from_start.next_telling();
  CHECK(caught_up.name == "caught_up");
  CHECK(caught_up.id.starts_with("300-"));
  for (int i = 301; i <= 310; ++i) {
    write(server, "C-" + std::to_string(i));
    CHECK(at(from_start.next_data(), "/position") == std::to_string(i));
  }
}

TEST_CASE("sse: without a cursor the stream starts now; retry comes first and is spread") {
  const server_fixture server;
  write(server, "C-1");
  stream now(server);
  const auto first = now.next();
  if (first.name.empty()) {
    const auto retry = std::stoi(first.retry);
    CHECK(retry >= 2'000);
    CHECK(retry <= 5'000);
    CHECK(now.next().name == "hello");
  } else {
    CHECK(first.name == "hello");
    CHECK(first.id.empty());
  }
  CHECK(now.next().name == "caught_up");
  write(server, "C-2");
  CHECK(at(now.next_data(), "/id") == "C-2");
}

TEST_CASE("sse: Last-Event-ID resumes behind the last event seen, and beats after=") {
  const server_fixture server;
  for (int i = 1; i <= 5; ++i)
    write(server, "C-" + std::to_string(i));
  std::string last;
  {
    stream first(server, "?after=0");
    for (int i = 0; i < 3; ++i)
      last = at(first.next_data(), "/cursor");
  }
  CHECK(last.starts_with("3-"));
  stream resumed(server, "?after=0", {{"Last-Event-ID", last}});
  CHECK(at(resumed.next_data(), "/position") == "4");
  CHECK(at(resumed.next_data(), "/position") == "5");
  CHECK(resumed.next_telling().name == "caught_up");
}

TEST_CASE("sse: filters apply to catch-up and live alike, previous is the last event shown") {
  const server_fixture server;
  for (int i = 1; i <= 6; ++i)
    write(server, "C-" + std::to_string(i), i % 2 == 0 ? "north" : "south");
  stream north(server, "?after=0&branch=north&resource=clients");
  for (const char* expected : {"2", "4", "6"})
    CHECK(at(north.next_data(), "/position") == expected);
  CHECK(north.next_telling().name == "caught_up");
  write(server, "C-7", "south");
  write(server, "C-8", "north");
  const auto live = north.next_data();
  CHECK(at(live, "/position") == "8");
  CHECK(at(live, "/previous") == "6");
}

TEST_CASE("sse: while only filtered events pass, a checkpoint moves the resume point within seconds") {
  const server_fixture server;
  stream quiet(server, "?after=0&branch=north");
  CHECK(at(quiet.until("caught_up"), "/cursor").starts_with("0-"));
  for (int i = 1; i <= 3; ++i)
    write(server, "C-" + std::to_string(i), "south");
  const auto checkpoint = quiet.next();
  CHECK(checkpoint.name == "checkpoint");
  CHECK(checkpoint.id.starts_with("3-"));
  write(server, "C-4", "north");
  const auto data = quiet.next_data();
  CHECK(at(data, "/position") == "4");
  CHECK(at(data, "/previous") == "0");
}

TEST_CASE(
    "sse: a cursor of another history or beyond the head gets resync and the stream goes on from the head") {
  const server_fixture server;
  write(server, "C-1");
  write(server, "C-2");
  for (const auto& [cursor, reason] :
       {std::pair{"1-00000000", "other_history"}, std::pair{"77-12345678", "beyond_head"},
        std::pair{"77", "beyond_head"}}) {
    CAPTURE(cursor);
    stream lost(server, std::string("?after=") + cursor);
    const auto resync = lost.until("resync");
    CHECK(at(resync, "/reason") == reason);
    CHECK(at(resync, "/cursor").starts_with("2-"));
    CHECK(lost.next().name == "caught_up");
  }
  const auto refused = server.get("/api/events?after=nonsense", {{"Accept", "text/event-stream"}});
  CHECK(refused.status == 400);
  CHECK(server.get("/api/events?limit=5", {{"Accept", "text/event-stream"}}).status == 400);
  CHECK(server.get("/api/events", {{"Accept", "text/event-stream"}, {"Last-Event-ID", "nonsense"}}).status ==
        400);
}

TEST_CASE("sse: a server that stops says bye, and its successor goes on without a gap") {
  server_fixture server;
  write(server, "C-1");
  stream first(server, "?after=0");
  const auto last = at(first.next_data(), "/cursor");
  CHECK(first.until("caught_up").find("cursor") != std::string::npos);
  server.terminate();
  const auto bye = first.until("bye");
  CHECK(std::stoi(at(bye, "/retry_ms")) >= 2'000);
  CHECK(first.ended());
  CHECK(server.wait_stopped() == 0);
  server.start();
  write(server, "C-2");
  stream resumed(server, "", {{"Last-Event-ID", last}});
  CHECK(at(resumed.next_data(), "/position") == "2");
}

TEST_CASE("sse: many streams see every event of concurrent writers once and in order") {
  const server_fixture server;
  constexpr int writers = 4, each = 100, readers = 6;
  std::vector<std::thread> threads;
  std::vector<std::string> wrong(readers + writers);
  const http_client_options patient{.patience = std::chrono::minutes(1)};
  for (int reader = 0; reader < readers; ++reader) {
    threads.emplace_back([&server, &wrong, &patient, reader] {
      try {
        http_client client(server.port(), patient);
        client.send_request("GET", "/api/events?after=0", {{"Accept", "text/event-stream"}});
        sse_reader events(client);
        int expected = 1;
        while (expected <= writers * each) {
          const auto event = events.next();
          if (!event) throw std::runtime_error("the stream ended");
          if (!event->name.empty() || event->data.empty()) continue;
          if (at(event->data, "/position") != std::to_string(expected))
            throw std::runtime_error("expected " + std::to_string(expected) + ": " + event->data);
          ++expected;
        }
      } catch (const std::exception& error) {
        wrong[static_cast<std::size_t>(reader)] = error.what();
      }
    });
  }
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&server, &wrong, &patient, writer] {
      try {
        http_client client(server.port(), patient);
        const auto body = R"({"full_name":"W)" + std::to_string(writer) + "\"}";
        for (int i = 0; i < each; ++i) {
          const auto saved =
              client.request("POST", "/api/clients", {{"Content-Type", "application/json"}}, body);
          if (saved.status != 201) throw std::runtime_error(saved.body);
        }
      } catch (const std::exception& error) {
        wrong[static_cast<std::size_t>(readers + writer)] = error.what();
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  for (const auto& error : wrong)
    CHECK(error == "");
  CHECK(server.event_count() == writers * each);
}

TEST_CASE("sse: streams over the bound are 503 and leave the others alone") {
  const server_fixture server({.arguments = {"--max-streams", "2"}});
  stream one(server);
  stream two(server);
  one.until("caught_up");
  two.until("caught_up");
  const auto refused = server.get("/api/events", {{"Accept", "text/event-stream"}});
  CHECK(refused.status == 503);
  CHECK(!refused.header("retry-after").empty());
  write(server, "C-1");
  CHECK(at(one.next_data(), "/position") == "1");
  CHECK(at(two.next_data(), "/position") == "1");
}
