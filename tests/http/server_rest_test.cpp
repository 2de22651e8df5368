// Streams at rest: nothing is lost between the quick way and the coroutine, whoever wakes them.
#include "server_fakes.hpp"
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace synclog;
using namespace std::chrono_literals;
using tests::test_server;
using tests::wait_until;

namespace {

// Reads the chunked body up to the line of a number: true when every number came once and in order.
bool reads_up_to(tests::http_client& client, int last) {
  std::string text;
  int expected = 1;
  while (expected <= last) {
    const auto chunk = client.read_chunk();
    if (!chunk) return false;
    text += *chunk;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      if (std::stoi(text) != expected++) return false;
      text.erase(0, end + 1);
    }
  }
  return expected == last + 1 && text.empty();
}

std::vector<tests::http_client> resting_clients(test_server& server, int count) {
  std::vector<tests::http_client> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(server.client());
    clients.back().send_request("GET", "/rest");
    REQUIRE(clients.back().read_head().status == 200);
  }
  REQUIRE(wait_until([&] { return server.streaming == count; }));
  return clients;
}

} // namespace

TEST_CASE("server: a stream at rest writes all that it is woken for, by step and by coroutine") {
  constexpr int most = 20'000, readers = 4, producers = 3;
  test_server server;
  auto clients = resting_clients(server, readers);
  std::vector<std::thread> threads;
  std::vector<char> good(readers);
  for (int i = 0; i < readers; ++i)
    threads.emplace_back([&, i] { good[i] = reads_up_to(clients[i], most) ? 1 : 0; });
  std::atomic<int> next{0};
  for (int i = 0; i < producers; ++i) {
    threads.emplace_back([&] {
      for (int number = ++next; number <= most; number = ++next)
        server.produce(number);
    });
  }
  for (std::thread& each : threads)
    each.join();
  for (const char each : good)
    CHECK(each == 1);
  CHECK(server.steps > 0);
  CHECK(server.works > 0);
}

TEST_CASE("server: a full socket takes a stream from rest, and it goes on where it was") {
  constexpr int most = 100'000;
  test_server server;
  tests::http_client client(server.port(), {.receive_buffer_bytes = 4'096});
  client.send_request("GET", "/rest");
  REQUIRE(client.read_head().status == 200);
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  for (int number = 1; number <= most; ++number)
    server.produce(number);
  CHECK(reads_up_to(client, most));
}

TEST_CASE("server: a stream at rest ends when its client does, in order or not") {
  test_server server;
  for (int i = 0; i < 50; ++i) {
    auto clients = resting_clients(server, 1);
    if (i % 2 == 0)
      clients.front().close();
    else
      clients.front().reset();
    CHECK(wait_until([&] { return server.streaming == 0 && server.metrics().streams == 0; }));
  }
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
}

TEST_CASE("server: stop ends streams at rest in order, while they are being woken") {
  constexpr int readers = 20;
  test_server server;
  auto clients = resting_clients(server, readers);
  std::atomic<bool> over{false};
  std::thread producer([&] {
    for (int number = 1; !over; ++number)
      server.produce(number);
  });
  std::vector<std::thread> reading;
  for (auto& client : clients)
    reading.emplace_back([&client] {
      while (client.read_chunk()) {
      }
    });
  CHECK(server.stop(10s) < 9s);
  over = true;
  producer.join();
  for (std::thread& each : reading)
    each.join();
  CHECK(server.drained == readers);
  CHECK(server.server().open_sessions() == 0);
}

TEST_CASE("server: a stream that waits for its socket is cut with the rest") {
  test_server server;
  tests::http_client client(server.port(), {.receive_buffer_bytes = 4'096});
  client.send_request("GET", "/rest");
  REQUIRE(client.read_head().status == 200);
  REQUIRE(wait_until([&] { return server.streaming == 1; }));
  server.produce(200'000); // nobody reads
  CHECK(server.stop(200ms) < 5s);
  CHECK(server.streaming == 0);
  CHECK(server.server().open_sessions() == 0);
}
