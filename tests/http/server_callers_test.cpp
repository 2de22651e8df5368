// What one caller may have, and who makes room when all places are taken: over real sockets, from several
// loopback addresses, of which 127.0.0.1 alone has no bound.
#include "server_fakes.hpp"
#include <deque>
#include <doctest/doctest.h>
#include <sys/resource.h>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_client;
using tests::http_headers;
using tests::http_reply;
using tests::test_server;
using tests::wait_until;

namespace {

http_client from(const test_server& server, const char* source) {
  return http_client(server.port(), {.source = source});
}

// Refused in words or by closing.
bool is_turned_away(http_client& client) {
  try {
    client.send_request("GET", "/tiny");
    return client.read_reply().status != 200;
  } catch (const std::runtime_error&) {
    return true;
  }
}

bool is_answered(const test_server& server) {
  try {
    return server.client().request("GET", "/tiny").status == 200;
  } catch (const std::runtime_error&) {
    return false;
  }
}

// Answers 200 of so many requests over one connection.
int count_answered(http_client& client, int requests, const http_headers& headers = {}) {
  int answered = 0;
  for (int one = 0; one < requests; ++one)
    answered += client.request("GET", "/tiny", headers).status == 200 ? 1 : 0;
  return answered;
}

// Both ends are here.
void allow_descriptors(rlim_t wanted) {
  rlimit bounds{};
  getrlimit(RLIMIT_NOFILE, &bounds);
  bounds.rlim_cur = std::max(bounds.rlim_cur, std::min(wanted, bounds.rlim_max));
  setrlimit(RLIMIT_NOFILE, &bounds);
}

} // namespace

TEST_CASE("callers: one address has N connections, not N + 1 nor 100 N, and others still get in") {
  auto with = test_server::quick_settings();
  with.limits.max_connections_per_address = 3;
  test_server server(with);
  std::vector<http_client> held;
  for (int one = 0; one < 3; ++one) {
    held.push_back(from(server, "127.0.0.2"));
    CHECK(held.back().request("GET", "/tiny").status == 200);
  }
  {
    auto fourth = from(server, "127.0.0.2");
    const auto told = fourth.read_reply();
    CHECK(told.status == 429);
    CHECK(told.header("connection") == "close");
    CHECK(told.count("retry-after") == 1);
    CHECK(fourth.closed_by_server());
  }
  std::vector<http_client> crowd;
  for (int one = 0; one < 300; ++one)
    crowd.push_back(from(server, "127.0.0.2"));
  for (auto& one : crowd)
    CHECK(is_turned_away(one));
  CHECK(server.metrics().refused_connections == 301);
  CHECK(from(server, "127.0.0.3").request("GET", "/tiny").status == 200);
  for (auto& one : held)
    CHECK(one.request("GET", "/tiny").status == 200);
  // Programs of this machine, a proxy among them, are not counted together.
  std::vector<http_client> local;
  for (int one = 0; one < 10; ++one) {
    local.push_back(server.client());
    CHECK(local.back().request("GET", "/tiny").status == 200);
  }
  held.pop_back();
  CHECK(wait_until([&] {
    auto again = from(server, "127.0.0.2");
    return !is_turned_away(again);
  }));
}

TEST_CASE("callers: whoever asks nothing makes room for whoever does, and those at work stay") {
  auto with = test_server::quick_settings();
  with.limits.max_connections = 3;
  test_server server(with);
  auto busy = server.client();
  busy.send_request("GET", "/hold");
  REQUIRE(wait_until([&] { return server.held == 1; }));
  auto kept = server.client();
  REQUIRE(kept.request("GET", "/tiny").status == 200);
  auto silent = server.client();
  auto half = server.client(); // there is no place for it: the silent one goes
  half.send("GET /tiny HTTP/1.1\r\nHost: loc");
  CHECK(silent.closed_by_server());
  CHECK(wait_until([&] { return server.server().open_sessions() == 3; }));
  CHECK(is_answered(server)); // in the place of the one that does not get on with its head
  CHECK(half.closed_by_server());
  // Who has asked something before is the last of them to go.
  CHECK(kept.request("GET", "/tiny").status == 200);
  CHECK(server.metrics().parted_with == 2);
  server.release();
  CHECK(busy.read_reply().status == 200);
}

TEST_CASE("callers: when all are at work, who comes is told to come again") {
  auto with = test_server::quick_settings();
  with.limits.max_connections = 2;
  test_server server(with);
  auto first = server.client(), second = server.client();
  first.send_request("GET", "/hold");
  second.send_request("GET", "/hold");
  REQUIRE(wait_until([&] { return server.held == 2; }));
  {
    auto third = server.client();
    const auto told = third.read_reply();
    CHECK(told.status == 503);
    CHECK(told.header("connection") == "close");
    CHECK(told.count("retry-after") == 1);
  }
  for (int one = 0; one < 200; ++one)
    CHECK_FALSE(is_answered(server));
  CHECK(server.metrics().refused_connections == 201);
  CHECK(server.metrics().parted_with == 0);
  server.release();
  CHECK(first.read_reply().status == 200);
  CHECK(second.read_reply().status == 200);
  CHECK(wait_until([&] { return is_answered(server); }));
}

TEST_CASE("callers: a flood of silent connections keeps nobody out") {
  constexpr std::size_t places = 100, flood = 3'000;
  allow_descriptors(2 * flood);
  auto with = test_server::quick_settings();
  with.limits.max_connections = places;
  test_server server(with);
  auto kept = server.client();
  REQUIRE(kept.request("GET", "/tiny").status == 200);
  std::vector<http_client> silent;
  for (std::size_t one = 0; one < flood; ++one) {
    silent.push_back(server.client());
    if (one % 100 != 99) continue;
    CHECK(is_answered(server));
    CHECK(kept.request("GET", "/tiny").status == 200);
  }
  // Not all at once: those told to go are over it for a moment.
  CHECK(wait_until([&] { return server.server().open_sessions() <= places + 64; }));
  CHECK(server.metrics().parted_with > 0);
  CHECK(is_answered(server));
}

TEST_CASE("callers: one caller has N streams, not N + 1 nor 100 N; others have theirs") {
  auto with = test_server::quick_settings();
  with.limits.max_streams_per_caller = 2;
  test_server server(with);
  std::deque<http_client> streams;
  for (const char* source : {"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.1", "127.0.0.1"}) {
    streams.push_back(from(server, source));
    streams.back().send_request("GET", "/stream");
    CHECK(streams.back().read_head().status == 200);
  }
  auto more = from(server, "127.0.0.2");
  for (int one = 0; one < 200; ++one)
    CHECK(more.request("GET", "/stream").status == 503); // the fake's words
  CHECK(server.metrics().streams == 6);
  streams.pop_front();
  CHECK(wait_until([&] { return server.metrics().streams == 5; }));
  more.send_request("GET", "/stream");
  CHECK(more.read_head().status == 200);
}

TEST_CASE("callers: one address has so many requests, then 429 and when to come again; streams go on") {
  auto with = test_server::quick_settings();
  with.limits.request_rate = 2; // twenty saved up
  test_server server(with);
  auto stream = from(server, "127.0.0.2");
  stream.send_request("GET", "/rest");
  REQUIRE(stream.read_head().status == 200);
  auto client = from(server, "127.0.0.2");
  const auto began = std::chrono::steady_clock::now();
  const int answered = count_answered(client, 2'000);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  CHECK(answered >= 19);
  CHECK(answered <= 19 + 2 * seconds + 1);
  const auto told = client.request("GET", "/tiny");
  CHECK(told.status == 429);
  CHECK(told.header("content-type") == "application/problem+json");
  CHECK(told.header("retry-after") == "1");
  CHECK(told.body.find(R"("code":"too_many_requests")") != std::string::npos);
  // A body on its way is read or not, and never taken for a request.
  CHECK(client.request("POST", "/echo", {}, "GET /tiny HTTP/1.1\r\n\r\n").status == 429);
  CHECK(client.request("GET", "/nowhere").status == 429);
  auto other = from(server, "127.0.0.3");
  CHECK(count_answered(other, 10) == 10);
  auto local = server.client();
  CHECK(count_answered(local, 100) == 100);
  server.produce(1);
  CHECK(stream.read_chunk()->starts_with("1."));
  CHECK(server.metrics().text().find(R"(synclog_http_limited_total{limit="request_rate"})") !=
        std::string::npos);
}

TEST_CASE("callers: without a named proxy X-Forwarded-For means nothing, behind one it names the client") {
  auto with = test_server::quick_settings();
  with.limits.request_rate = 1; // ten saved up
  {
    test_server server(with);
    auto client = from(server, "127.0.0.2");
    int answered = 0;
    for (int one = 0; one < 100; ++one)
      answered += count_answered(client, 1, {{"X-Forwarded-For", "192.0.2." + std::to_string(one)}});
    CHECK(answered < 50);
  }
  with.options.trusted_proxies = {"127.0.0.1"};
  test_server server(with);
  auto proxy = server.client();
  CHECK(count_answered(proxy, 100, {{"X-Forwarded-For", "192.0.2.1"}}) < 50);
  CHECK(count_answered(proxy, 10, {{"X-Forwarded-For", "192.0.2.2"}}) == 10);
  // Whatever the client wrote itself stands before it.
  int answered = 0;
  for (int one = 0; one < 100; ++one)
    answered +=
        count_answered(proxy, 1, {{"X-Forwarded-For", "10.0.0." + std::to_string(one) + ", 192.0.2.3"}});
  CHECK(answered < 50);
}

TEST_CASE("callers: answers that nobody reads are held up to a bound, the slowest of them cut for others") {
  auto with = test_server::quick_settings();
  constexpr std::size_t answer_bytes = 20'000'000; // far more than a socket takes
  with.limits.max_unread_bytes = 62'000'000;       // three, less what the sockets took
  test_server server(with);
  std::vector<http_client> readers;
  const auto ask = [&] {
    readers.emplace_back(server.port(), tests::http_client_options{.receive_buffer_bytes = 4'096});
    readers.back().send_request("GET", "/big?bytes=" + std::to_string(answer_bytes));
  };
  for (int one = 0; one < 3; ++one)
    ask();
  REQUIRE(wait_until([&] { return server.metrics().waiting_writes == 3; }));
  // None of them has been slow for long: the next one is not held.
  ask();
  CHECK(wait_until([&] { return server.metrics().aborted_answers == 1; })); // before it is read
  CHECK(readers.back().closed_by_server());
  CHECK(server.metrics().waiting_writes == 3);
  // Later they are those who go. Not a wait for something: the slowness is what is tested.
  auto silent = server.client();
  CHECK_FALSE(silent.readable(5'500ms));
  ask();
  CHECK(wait_until([&] { return server.metrics().parted_with >= 1; }));
  silent.close();
  readers.clear();
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
}
