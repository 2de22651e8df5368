// How many small segments one connection carries. Not run by default: `test_pg_wrapper -ns -tc="throughput*"`
// in a release build.
#include "common.hpp"
#include <cstdio>
#include <ctime>
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

struct rate {
  double per_second;
  double cpu_micros_each; // of this process; the server's share is not in it
};

rate measure(int thread_count, int coroutines) {
  io_threads threads(thread_count);
  const auto one = connect(threads);
  std::atomic<std::size_t> count{0};
  std::atomic<int> running{coroutines};
  const auto what = statement("select_one", "SELECT 1");
  const std::clock_t cpu = std::clock();
  const auto start = pg::clock::now();
  for (int i = 0; i < coroutines; ++i) {
    asio::co_spawn(threads.context(), repeat(one, what, start + 3s, &count),
                   [&running](std::exception_ptr) { --running; });
  }
  REQUIRE(wait_until([&running] { return running == 0; }));
  const double seconds = std::chrono::duration<double>(pg::clock::now() - start).count();
  const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  const auto done = static_cast<double>(count.load());
  return {done / seconds, cpu_seconds / done * 1e6};
}

} // namespace

TEST_CASE("throughput: SELECT 1 over one connection" * doctest::skip()) {
  for (const int threads : {1, 2}) {
    for (const int coroutines : {1, 64}) {
      const rate got = measure(threads, coroutines);
      std::printf("%d thread(s), %d coroutine(s): %.0f segments/s, %.1f us of client CPU each\n", threads,
                  coroutines, got.per_second, got.cpu_micros_each);
    }
  }
}
