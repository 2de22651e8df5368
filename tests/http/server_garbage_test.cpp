// Random and mangled bytes by the thousand: the server answers or closes, and goes on.
#include "server_fakes.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog;
using namespace std::chrono_literals;
using tests::test_server;
using tests::wait_until;

TEST_CASE("server: thousands of mangled requests never hurt it") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> originals{
      "GET /tiny HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /echo?a=b%20c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nhello world",
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
      "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: null\r\n\r\n",
      "PUT /api/clients/%C3%A9 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "3\r\n\r\n{}\n",
  };
  test_server server;
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    const unsigned requests = 1 + random() % 4;
    for (unsigned i = 0; i < requests; ++i)
      text += originals[random() % originals.size()];
    if (random() % 10 == 0) {
      text.clear();
      for (unsigned i = random() % 200; i > 0; --i)
        text += static_cast<char>(random());
    }
    for (unsigned edits = random() % 4; edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 5);
        break;
      case 2:
        text.insert(at, 1, "\r\n\0 :;\"0\t"[random() % 9]);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 20));
        break;
      }
    }
    auto client = server.client();
    client.try_send(text, 1s);
    switch (random() % 3) {
    case 0:
      client.reset();
      break;
    case 1:
      client.half_close();
      client.read_to_end();
      break;
    default:
      break;
    }
  }
  REQUIRE(wait_until([&] { return server.metrics().accepted == 3'000; }));
  CHECK(wait_until([&] { return server.server().open_sessions() == 0; }));
  CHECK(server.client().request("GET", "/tiny").status == 200);
  CHECK(server.metrics().connections <= 1);
}
