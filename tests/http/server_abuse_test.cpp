// Many clients that are slow in each of the known ways at once: requests are answered beside them, they hold
// little, and their time ends.
#include "server_fakes.hpp"
#include "tests/support/process.hpp"
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace synclog;
using namespace std::chrono_literals;
using tests::http_client;
using tests::test_server;
using tests::wait_until;

namespace {

constexpr std::size_t each_kind = 300;

test_server::settings patient() {
  auto with = test_server::quick_settings();
  with.limits.header_timeout = with.limits.idle_timeout = with.limits.progress_timeout = 3'600s;
  rlimit bounds{};
  getrlimit(RLIMIT_NOFILE, &bounds);
  bounds.rlim_cur = bounds.rlim_max;
  setrlimit(RLIMIT_NOFILE, &bounds);
  return with;
}

struct slow_kind {
  const char* name;
  std::string first;               // what each sends at once
  std::string drop;                // what it sends now and then
  int receive_buffer_bytes = 0;    // small: it does not read
  std::size_t most_bytes_each = 0; // of the server's memory
};

// The modes of slowhttptest.
std::vector<slow_kind> slow_kinds() {
  std::string ranges = "bytes=0-";
  for (int one = 5; one < 2'000; ++one)
    ranges += ",5-" + std::to_string(one);
  return {
      {"slow heads", "GET /tiny HTTP/1.1\r\nHost: localhost\r\nX-a: ", "b", 0, 40'000},
      {"slow bodies", "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n", "b", 0,
       1'200'000},
      {"ranges", "GET /big?bytes=1000 HTTP/1.1\r\nHost: localhost\r\nRange: " + ranges + "\r\n\r\n", "", 0,
       40'000},
      {"slow readers", "GET /flood?size=4096 HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 4'096, 40'000},
  };
}

} // namespace

TEST_CASE(
    "abuse: beside many slow clients of each kind requests are answered, little is held, and they end") {
  for (const auto& kind : slow_kinds()) {
    CAPTURE(kind.name);
    test_server server(patient());
    REQUIRE(server.client().request("GET", "/tiny").status == 200);
    const auto before_kb = tests::resident_kb(::getpid());
    std::vector<http_client> slow;
    for (std::size_t one = 0; one < each_kind; ++one) {
      slow.emplace_back(server.port(),
                        tests::http_client_options{.receive_buffer_bytes = kind.receive_buffer_bytes});
      slow.back().try_send(kind.first, 1s);
    }
    REQUIRE(wait_until([&] { return server.metrics().accepted >= each_kind; }));
    auto kept = server.client();
    for (int one = 0; one < 100; ++one) {
      if (!kind.drop.empty()) slow[static_cast<std::size_t>(one)].try_send(kind.drop, 0ms);
      CHECK(kept.request("GET", "/wait").status == 200);
      CHECK(server.client().request("POST", "/echo", {}, "hello").body == "hello");
    }
    const auto grown_kb = tests::resident_kb(::getpid()) - before_kb;
    CHECK(static_cast<std::size_t>(std::max<std::int64_t>(grown_kb, 0)) <
          (kind.most_bytes_each * each_kind >> 10) + 20'000);
    // An hour later. A reader has until the look after the one that found it taking nothing.
    CHECK(wait_until([&] {
      server.server().check_deadlines(std::chrono::steady_clock::now() + 2h);
      return server.server().open_sessions() == 0;
    }));
    CHECK(server.streaming == 0);
  }
}
