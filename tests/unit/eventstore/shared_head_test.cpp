#include "eventstore/shared_head.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <stdexcept>
#include <vector>

using namespace synclog;
namespace asio = boost::asio;

namespace {

// A log whose reads wait until they are let go, and then tell the head of that moment.
struct slow_log {
  asio::io_context context;
  std::int64_t head = 0;
  int reads = 0;
  bool broken = false;
  asio::steady_timer gate{context, asio::steady_timer::time_point::max()};

  asio::awaitable<core::cursor> read() {
    ++reads;
    const auto seen = head; // as the snapshot is taken when the statement begins
    boost::system::error_code cancelled;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (broken) throw std::runtime_error("away");
    co_return core::cursor::of({seen}, {});
  }
};

constexpr std::int64_t failed = -1;

struct asking {
  slow_log log;
  eventstore::shared_head heads{[this](eventstore::pg::deadline) { return log.read(); }};
  std::vector<std::int64_t> told;

  void ask() {
    auto work = [this]() -> asio::awaitable<void> {
      try {
        const auto at = co_await heads.get(eventstore::pg::deadline::max());
        told.push_back(at.position.value);
      } catch (const std::runtime_error&) {
        told.push_back(failed);
      }
    };
    asio::co_spawn(log.context, std::move(work), [](std::exception_ptr) {});
    run();
  }
  void let_go() {
    log.gate.cancel();
    run();
  }
  void run() {
    log.context.restart();
    log.context.poll();
  }
};

} // namespace

TEST_CASE("shared head: who asks during a read is told by the next one, all of them by one") {
  asking one;
  one.log.head = 1;
  one.ask();
  one.log.head = 2;
  for (int i = 0; i < 10; ++i)
    one.ask();
  CHECK(one.log.reads == 1);
  one.let_go();
  CHECK(one.told == std::vector<std::int64_t>{1});
  CHECK(one.log.reads == 2);
  one.log.head = 3;
  one.ask(); // too late for the second read
  one.let_go();
  CHECK(one.told.size() == 11);
  one.let_go();
  REQUIRE(one.told.size() == 12);
  for (std::size_t i = 1; i < 11; ++i)
    CHECK(one.told[i] == 2);
  CHECK(one.told[11] == 3);
  CHECK(one.log.reads == 3);
  one.ask();
  one.let_go();
  CHECK(one.log.reads == 4);
}

TEST_CASE("shared head: a failed read is told to those who shared it, and the next ones read again") {
  asking one;
  one.ask();
  one.ask();
  one.log.broken = true;
  one.let_go();
  CHECK(one.told == std::vector<std::int64_t>{failed});
  one.ask();
  one.let_go();
  CHECK(one.told == std::vector<std::int64_t>{failed, failed});
  one.log.broken = false;
  one.let_go();
  CHECK(one.told == std::vector<std::int64_t>{failed, failed, 0});
}
