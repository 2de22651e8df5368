// Limits of the product's server: what callers may write, list and search, and what they are told beyond it.
// 127.0.0.2 and 127.0.0.3 are callers that are counted; 127.0.0.1 is not.
#include "access_support.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using eventstore::pg::plain_connection;

namespace {

http_client from(const server_fixture& server, const char* source) {
  return http_client(server.port(), {.source = source});
}

// A JSON array of clients with notes of so many bytes each.
std::string clients(std::size_t count, std::size_t bytes = 0) {
  std::string text = "[";
  for (std::size_t one = 0; one < count; ++one)
    text += fmt::format(R"({}{{"full_name":"Client {}","address":"{}"}})", one == 0 ? "" : ",", one,
                        std::string(bytes, 'n'));
  return text + "]";
}

http_reply post(http_client& client, const std::string& body) {
  return client.request("POST", "/api/clients", {{"Content-Type", "application/json"}}, body);
}

// A list of all clients whose reader has taken its beginning and takes no more.
http_client begin_whole_list(const server_fixture& server, const char* source) {
  http_client reader(server.port(), {.receive_buffer_bytes = 4'096, .source = source});
  reader.send_request("GET", "/api/clients");
  CHECK(reader.read_head().status == 200);
  return reader;
}

int status_of_list(http_client& client) {
  client.send_request("GET", "/api/clients");
  const auto head = client.read_head();
  if (head.status != 200) CHECK(head.count("retry-after") == 1);
  return head.status;
}

// Searches wait for as long as it lives.
struct closed_table {
  explicit closed_table(const server_fixture& server) : holder(server.database_url(), "", "test") {
    holder.run("BEGIN");
    holder.run("LOCK TABLE public.clients IN ACCESS EXCLUSIVE MODE");
  }
  plain_connection holder;
};

} // namespace

TEST_CASE("limits: records of bulks are counted, a large one is paid for afterwards, and who is refused has "
          "saved nothing") {
  const server_fixture server({.arguments = {"--record-rate", "1"}}); // ten saved up
  auto client = from(server, "127.0.0.2");
  CHECK(post(client, clients(9)).status == 200);
  CHECK(post(client, clients(1'000)).status == 200); // one was left
  const auto saved = server.event_count();
  CHECK(saved == 1'009);
  const auto refused = post(client, clients(1));
  CHECK(refused.status == 429);
  CHECK(at(refused.body, "/code") == "too_many_requests");
  const int wait_s = std::stoi(refused.header("retry-after"));
  CHECK(wait_s > 900);
  CHECK(wait_s <= 1'000);
  const auto csv = client.request("POST", "/api/clients", {{"Content-Type", "text/csv"}}, "full_name\nA\n");
  CHECK(csv.status == 429);
  // It is not even looked into.
  CHECK(post(client, "[nonsense").status == 429);
  CHECK(post(client, "nonsense").status == 400);
  CHECK(client.request("DELETE", "/api/clients?id=A&id=B").status == 429);
  CHECK(server.event_count() == saved);
  // Single records are requests, which have a bound of their own; others have theirs.
  CHECK(post(client, R"({"full_name":"One"})").status == 201);
  auto other = from(server, "127.0.0.3");
  CHECK(post(other, clients(2)).status == 200);
  auto local = server.connect();
  for (int one = 0; one < 3; ++one)
    CHECK(post(local, clients(20)).status == 200);
}

TEST_CASE("limits: a token has so many requests wherever it is used from, and who has none his address") {
  const server_fixture server(asks_for_tokens({"--request-rate", "1"})); // ten saved up
  const auto first = make_token(server, unique_word("first"), core::role::viewer);
  const auto second = make_token(server, unique_word("second"), core::role::viewer);
  const auto answered = [&server](const char* source, const http_headers& headers, int requests) {
    auto client = from(server, source);
    int count = 0;
    for (int one = 0; one < requests; ++one)
      count += client.request("GET", "/api/session", headers).status != 429 ? 1 : 0;
    return count;
  };
  CHECK(answered("127.0.0.1", first.header(), 200) < 100);
  CHECK(answered("127.0.0.2", first.header(), 10) < 10);
  CHECK(answered("127.0.0.2", second.header(), 5) == 5);
  // Guessing.
  CHECK(answered("127.0.0.3", {}, 200) < 100);
  CHECK(answered("127.0.0.3", {{"Authorization", "Bearer slk_" + std::string(64, '0')}}, 10) < 10);
  CHECK(answered("127.0.0.3", second.header(), 3) == 3);
}

TEST_CASE("limits: so many whole lists are read at once, in all and by one caller; short ones are none") {
  const server_fixture server({.arguments = {"--max-whole-lists", "2", "--max-whole-lists-per-caller", "1"}});
  auto local = server.connect();
  REQUIRE(post(local, clients(4'000, 4'000)).status == 200);
  auto first = begin_whole_list(server, "127.0.0.2");
  auto second = from(server, "127.0.0.2");
  for (int one = 0; one < 100; ++one)
    CHECK(status_of_list(*std::make_unique<http_client>(from(server, "127.0.0.2"))) == 429);
  auto third = begin_whole_list(server, "127.0.0.3");
  for (int one = 0; one < 100; ++one)
    CHECK(status_of_list(*std::make_unique<http_client>(from(server, "127.0.0.1"))) == 503);
  // A live query reads the same pages.
  auto live = from(server, "127.0.0.2");
  const auto refused = live.request("GET", "/api/clients", {{"Accept", "text/event-stream"}});
  CHECK(refused.status == 429);
  CHECK(refused.count("retry-after") == 1);
  CHECK(second.request("GET", "/api/clients?limit=5").status == 200);
  CHECK(second.request("GET", "/api/campaigns").status == 200);
  first.close();
  CHECK(wait_until([&] {
    auto again = from(server, "127.0.0.2");
    return status_of_list(again) == 200;
  }));
}

TEST_CASE(
    "limits: so many searches run at once, in all and by one caller, and each has its answer when it can") {
  const server_fixture server({.arguments = {"--max-searches", "2", "--max-searches-per-caller", "1"}});
  auto local = server.connect();
  REQUIRE(post(local, clients(10)).status == 200);
  constexpr const char* search = "/api/clients?search=client&limit=";
  std::vector<http_client> waiting;
  {
    const closed_table closed(server);
    for (const char* source : {"127.0.0.2", "127.0.0.3"}) {
      waiting.push_back(from(server, source));
      waiting.back().send_request("GET", fmt::format("{}{}", search, waiting.size()));
    }
    REQUIRE(wait_until([&] {
      return server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "2";
    }));
    auto third = from(server, "127.0.0.4");
    const auto told = third.request("GET", fmt::format("{}5", search));
    CHECK(told.status == 503);
    CHECK(told.count("retry-after") == 1);
    auto second = from(server, "127.0.0.2");
    for (int one = 0; one < 100; ++one)
      CHECK(second.request("GET", fmt::format("{}5", search)).status == 429);
    // Of the past, and for a live query, it is the same look-up.
    CHECK(second.request("GET", "/api/clients?search=client&at=1").status == 429);
    CHECK(second.request("GET", "/api/clients?search=client&at=1&limit=5").status == 429);
    CHECK(second.request("GET", "/api/clients?search=client", {{"Accept", "text/event-stream"}}).status ==
          429);
  }
  for (std::size_t one = 0; one < waiting.size(); ++one)
    CHECK(size_at(waiting[one].read_reply().body) == one + 1);
}

TEST_CASE("limits: while a slow reader takes what a search has found, others may search") {
  const server_fixture server({.arguments = {"--max-searches", "1"}});
  auto local = server.connect();
  REQUIRE(post(local, clients(4'000, 4'000)).status == 200);
  std::vector<http_client> slow;
  // All of it, one page, all as it was.
  for (const char* more : {"", "&limit=3900", "&at=3999", "&at=3999&limit=3900"}) {
    CAPTURE(more);
    slow.emplace_back(server.port(), http_client_options{.receive_buffer_bytes = 4'096});
    slow.back().send_request("GET", fmt::format("/api/clients?search=client{}", more));
    REQUIRE(slow.back().read_head().status == 200);
    CHECK(local.request("GET", "/api/clients?search=client&limit=5").status == 200);
  }
  auto live = server.connect();
  live.send_request("GET", "/api/clients?search=client", {{"Accept", "text/event-stream"}});
  REQUIRE(live.read_head().status == 200);
  CHECK(local.request("GET", "/api/clients?search=client&limit=6").status == 200);
}

TEST_CASE("limits: a statement that takes the database too long is given up, and its caller told") {
  const server_fixture server({.arguments = {"--statement-timeout", "1"}});
  auto client = server.connect();
  REQUIRE(post(client, clients(10)).status == 200);
  const closed_table closed(server);
  for (const char* list :
       {"/api/clients", "/api/clients?limit=5&sort=full_name", "/api/clients?search=client"}) {
    CAPTURE(list);
    const auto told = client.request("GET", list);
    CHECK(told.status == 503);
    CHECK(at(told.body, "/code") == "overloaded");
    CHECK(told.count("retry-after") == 1);
  }
}

TEST_CASE("limits: JSON has so many levels") {
  const server_fixture server({.arguments = {"--max-depth", "5"}});
  const auto nested = [](int levels) { // the record is the first
    std::string text = R"({"full_name":"N","data":)";
    for (int one = 1; one < levels; ++one)
      text += R"({"a":)";
    return text + "1" + std::string(static_cast<std::size_t>(levels), '}');
  };
  auto client = server.connect();
  CHECK(post(client, nested(5)).status == 201);
  CHECK(post(client, nested(6)).status == 422);
  CHECK(post(client, nested(500)).status >= 400);
}

TEST_CASE("limits: one socket has so many subscriptions") {
  const server_fixture server({.arguments = {"--max-subscriptions", "2"}});
  ws_client socket(server.port());
  const auto subscribe = [&socket](int number) {
    socket.send_text(
        fmt::format(R"({{"type":"subscribe","subscription":"s{}","channels":["clients"]}})", number));
  };
  for (int number = 0; number < 200; ++number)
    subscribe(number);
  for (int number = 0; number < 2; ++number)
    CHECK(at(socket.next_of("subscribed"), "/subscription") == fmt::format("s{}", number));
  CHECK(socket.next_of("error").find("2 subscriptions") != std::string::npos);
  // Who goes on asking is shut out, as after any other bad frames.
  CHECK(socket.next_close() == 4400);
}
