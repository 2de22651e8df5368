// Who is too slow a reader: by what is acknowledged, not by when there is room.
#include "http/write_progress.hpp"
#include <doctest/doctest.h>

using synclog::http::write_progress;

TEST_CASE("write progress: a slow but steady reader goes on, whatever lies before it") {
  constexpr std::size_t between_looks = 10'000 * 30; // 10 KB/s
  write_progress progress;
  std::size_t waits = 4u << 20;
  progress.begin(waits);
  while (waits > between_looks) {
    waits -= between_looks;
    REQUIRE(progress.look(waits));
  }
}

TEST_CASE("write progress: less than the least, nothing, and a wait that has not begun are none") {
  write_progress progress;
  CHECK_FALSE(progress.waits());
  CHECK_FALSE(progress.look(0));
  progress.begin(100'000);
  CHECK(progress.waits());
  CHECK_FALSE(progress.look(100'000));
  CHECK_FALSE(progress.look(100'000 - write_progress::least_bytes + 1));
  CHECK(progress.look(100'000 - write_progress::least_bytes)); // of both times together
  CHECK_FALSE(progress.look(100'000 - write_progress::least_bytes));
  progress.begin(1'000);
  CHECK_FALSE(progress.look(0));
  progress.end();
  CHECK_FALSE(progress.waits());
}
