// Whose silence ends a socket.
#include "http/streams/socket_silence.hpp"
#include <doctest/doctest.h>

using synclog::http::streams::socket_silence;
using namespace std::chrono_literals;

TEST_CASE("socket silence: who is not asked is not gone, who does not answer is, 60 s after the last word") {
  const socket_silence::time_point start{1h};
  socket_silence silence(start);
  CHECK(silence.next_ping() == start + 20s);
  CHECK_FALSE(silence.is_over(start + 10min)); // the server was busy, and has not asked
  silence.pinged(start + 20s);
  CHECK(silence.next_ping() == start + 40s);
  silence.pinged(start + 40s);
  CHECK_FALSE(silence.is_over(start + 60s));
  CHECK(silence.is_over(start + 61s));
}

TEST_CASE("socket silence: any word begins it anew") {
  const socket_silence::time_point start{1h};
  socket_silence silence(start);
  silence.pinged(start + 20s);
  silence.heard(start + 59s);
  CHECK_FALSE(silence.is_over(start + 1h));
  CHECK(silence.next_ping() == start + 79s);
  silence.pinged(start + 90s);
  CHECK_FALSE(silence.is_over(start + 130s));
  CHECK(silence.is_over(start + 131s));
}
