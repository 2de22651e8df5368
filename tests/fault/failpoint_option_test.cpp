// `serve --failpoints` is for tests: it refuses what it does not know, and a server that others can reach.
// What it does is in kinds_test.cpp.
#include "fault/serving.hpp"
#include <chrono>
#include <doctest/doctest.h>

using namespace synclog::tests::fault;
using namespace std::chrono_literals;

TEST_CASE(
    "failpoints: an unknown place is a usage error, and so are failpoints where others can reach them") {
  const serving folder({.program = SYNCLOG_BINARY});
  const auto unknown = folder.run({"serve", "--listen", "127.0.0.1:0", "--failpoints", "nowhere=kill"}, 30s);
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.output.find("before_commit") != std::string::npos);
  const auto open = folder.run(
      {"serve", "--listen", "0.0.0.0:0", "--auth", "token", "--failpoints", "before_commit=kill"}, 30s);
  CHECK(open.exit_code == 2);
  CHECK(open.output.find("loopback") != std::string::npos);
}
