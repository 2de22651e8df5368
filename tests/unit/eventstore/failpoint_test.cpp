// What --failpoints takes. Arming is for the whole process and once, so only refusals and a pause are tried
// here; tests/fault has servers that die of it.
#include "eventstore/failpoint.hpp"
#include <chrono>
#include <doctest/doctest.h>

namespace failpoint = synclog::eventstore::failpoint;

TEST_CASE("failpoint: what is no place, no action or no number is refused, and nothing is armed") {
  for (const char* text :
       {"", "before_commit", "before_commit=", "nowhere=kill", "before_commit=kill@0", "before_commit=kill@x",
        "before_commit=pause:", "before_commit=pause:60001", "before_commit=stop", "after_commit=kill@1 "}) {
    CAPTURE(text);
    CHECK(failpoint::arm(text).has_error());
  }
  CHECK(!failpoint::detail::any_armed);
}

TEST_CASE("failpoint: it acts at the pass that was asked for, and at no other") {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause{30};
  REQUIRE(failpoint::arm("before_answer=pause:30@2").has_value());
  CHECK(failpoint::arm("before_answer=kill").has_error()); // each place once
  failpoint::pass(failpoint::place::after_answer);
  failpoint::pass(failpoint::place::before_answer);
  const auto began = clock::now();
  failpoint::pass(failpoint::place::before_answer);
  CHECK(clock::now() - began >= pause);
}
