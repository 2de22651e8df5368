// How many small segments one connection carries. Not run by default: `test_pg_wrapper -ns -tc="throughput*"` in a
// release build.
#include "common.hpp"
#include <cstdio>
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

awaitable<void> repeat(std::shared_ptr<pg::connection> one, std::shared_ptr<const pg::statement> what,
                       pg::deadline end, std::atomic<std::size_t>* count) {
  while (pg::clock::now() < end) {
    pg::segment work;
    work.add(what);
    co_await one->run_ok(std::move(work), in(10s));
    ++*count;
  }
}

double measure(int thread_count, int coroutines) {
  io_threads threads(thread_count);
  const auto one = connect(threads);
  std::atomic<std::size_t> count{0};
  std::atomic<int> running{coroutines};
  const auto what = statement("select_one", "SELECT 1");
  const auto start = pg::clock::now();
  for (int i = 0; i < coroutines; ++i) {
    asio::co_spawn(threads.context(), repeat(one, what, start + 3s, &count), [&running](std::exception_ptr) { --running; });
  }
  REQUIRE(wait_until([&running] { return running == 0; }));
  return static_cast<double>(count.load()) / std::chrono::duration<double>(pg::clock::now() - start).count();
}

}  // namespace

TEST_CASE("throughput: SELECT 1 over one connection" * doctest::skip()) {
  for (const int threads : {1, 2}) {
    for (const int coroutines : {1, 64}) {
      std::printf("%d thread(s), %d coroutine(s): %.0f segments/s\n", threads, coroutines, measure(threads, coroutines));
    }
  }
}
