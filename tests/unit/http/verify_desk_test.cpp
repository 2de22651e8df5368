// One verification for all who want to see it.
#include "eventstore/pg/types.hpp"
#include "http/verify_desk.hpp"
#include "support/wait.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <semaphore>

using namespace synclog;
using namespace synclog::tests;
using http::verify_desk;

namespace {

// Verifications that take as many steps as they are let.
struct lab {
  std::atomic<int> begun{0}, cancelled{0};
  std::counting_semaphore<> steps{0};
  std::atomic<bool> finishes{false};

  eventstore::verify_report verify(const eventstore::progress_callback& progress) {
    ++begun;
    eventstore::verify_report report;
    try {
      while (!finishes) {
        steps.acquire();
        progress({"log", ++report.events, 10});
      }
    } catch (...) {
      ++cancelled;
      throw;
    }
    return report;
  }
};

verify_desk desk_of(lab& with) {
  return verify_desk(
      [&with](const eventstore::progress_callback& progress) { return with.verify(progress); });
}

} // namespace

TEST_CASE("verify desk: who comes while a verification runs follows that one") {
  lab with;
  auto desk = desk_of(with);
  auto one = desk.join();
  REQUIRE(one.has_value());
  auto two = desk.join();
  REQUIRE(two.has_value());
  with.steps.release();
  REQUIRE(wait_until([&] { return two->look().progress.done == 1; }));
  CHECK(one->look().progress.stage == "log");
  CHECK(desk.is_running());
  with.finishes = true;
  with.steps.release();
  REQUIRE(wait_until([&] { return one->look().ended(); }));
  CHECK(two->look().report->events == 2);
  CHECK(with.begun == 1);
  CHECK_FALSE(desk.is_running());
  REQUIRE(desk.last().has_value());
  CHECK(desk.last()->report.events == 2);
}

TEST_CASE("verify desk: it goes on while one reader is left, and ends when the last has gone") {
  lab with;
  auto desk = desk_of(with);
  auto two = desk.join();
  REQUIRE(two.has_value());
  {
    const auto one = desk.join();
    REQUIRE(one.has_value());
  }
  with.steps.release();
  REQUIRE(wait_until([&] { return two->look().progress.done == 1; }));
  CHECK(with.cancelled == 0);
  { const auto gone = std::move(*two); }
  // Still in its step: a newcomer neither follows what is ending nor waits for it.
  const auto early = desk.join();
  REQUIRE_FALSE(early.has_value());
  CHECK(early.error().code == core::problem_code::overloaded);
  with.steps.release();
  REQUIRE(wait_until([&] { return !desk.is_running(); }));
  CHECK(with.cancelled == 1);
  CHECK_FALSE(desk.last().has_value());
  with.finishes = true;
  const auto again = desk.join();
  REQUIRE(again.has_value());
  REQUIRE(wait_until([&] { return again->look().ended(); }));
  CHECK(with.begun == 2);
}

TEST_CASE("verify desk: a database that cannot be read is told, not thrown") {
  verify_desk desk([](const eventstore::progress_callback&) -> eventstore::verify_report {
    throw eventstore::pg::unavailable("gone");
  });
  const auto watched = desk.join();
  REQUIRE(watched.has_value());
  REQUIRE(wait_until([&] { return watched->look().ended(); }));
  CHECK(watched->look().failed->code == core::problem_code::database_unavailable);
  CHECK_FALSE(desk.last().has_value());
}
