// Who is parted with when there is no place left.
#include "http/waiting.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace synclog::http;
using reason = waiting::reason;
using namespace std::chrono_literals;

namespace {

const waiting::clock::time_point now{std::chrono::hours(5)};

waiting::state since(reason why, std::chrono::milliseconds ago) {
  return {why, waiting::microseconds(now - ago)};
}

std::vector<std::size_t> choose(const std::vector<waiting::state>& all, std::size_t most) {
  auto chosen = choose_to_part_with(all, most, now);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

} // namespace

TEST_CASE("waiting: who never asked anything goes first, the longest wait first") {
  const std::vector<waiting::state> all{since(reason::next_request, 60s), since(reason::first_request, 1s),
                                        since(reason::none, 0s), since(reason::first_request, 10ms),
                                        since(reason::first_request, 3s)};
  CHECK(choose(all, 1) == std::vector<std::size_t>{4});
  CHECK(choose(all, 2) == std::vector<std::size_t>{1, 4});
  CHECK(choose(all, 4) == std::vector<std::size_t>{0, 1, 3, 4});
  CHECK(choose(all, 100) == std::vector<std::size_t>{0, 1, 3, 4});
}

TEST_CASE("waiting: half a handshake goes before who was silent for longer") {
  const std::vector<waiting::state> all{since(reason::first_request, 9s), since(reason::handshake, 10ms),
                                        since(reason::handshake, 1s)};
  CHECK(choose(all, 1) == std::vector<std::size_t>{2});
  CHECK(choose(all, 2) == std::vector<std::size_t>{1, 2});
}

TEST_CASE("waiting: who is at work is never parted with, who is slow at it only after a while") {
  const std::vector<waiting::state> all{since(reason::none, 0s), since(reason::body, 4s),
                                        since(reason::room, 4s), since(reason::body, 6s),
                                        since(reason::room, 60s)};
  CHECK(choose(all, 100) == std::vector<std::size_t>{3, 4});
  CHECK(choose(all, 1) == std::vector<std::size_t>{3});
}

TEST_CASE("waiting: what is noted is what is seen") {
  waiting one;
  CHECK(one.look() == waiting::state{});
  one.begin(reason::room, now);
  CHECK(one.look() == since(reason::room, 0s));
  one.end();
  CHECK(one.look().why == reason::none);
}

TEST_CASE(
    "waiting: for one that comes one has to go, for a crowd twice as many at each look, up to a bound") {
  synclog::http::parting_need need(100);
  CHECK(need.next(now) == 1);
  for (int one = 1; one < 50; ++one) // seldom
    CHECK(need.next(now + one * 2s) == 1);
  const auto later = now + 200s;
  std::vector<std::size_t> wanted;
  for (int look = 0; look < 10; ++look)
    wanted.push_back(need.next(later + look * 10ms));
  CHECK(wanted == std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64, 100, 100, 100});
  CHECK(need.same(later + 100ms) == 100);
  CHECK(need.same(later + 3s) == 1);
  CHECK(need.next(later + 3s) == 1);
  CHECK(need.same(later + 3s) == 1);
}

TEST_CASE("waiting: who moves at a steady pace is never behind, who does not is by what is missing") {
  using synclog::http::lag;
  constexpr std::size_t a_second = lag::steady_bytes_per_s;
  lag steady, half, burst;
  for (auto* one : {&steady, &half, &burst})
    one->begin(now);
  CHECK(burst.behind_since(1'000 * a_second, now) == now); // pays for nothing later
  for (int second = 1; second <= 100; ++second) {
    const auto then = now + std::chrono::seconds(second);
    REQUIRE(steady.behind_since(a_second, then) == then);
    REQUIRE(half.behind_since(a_second / 2, then) == now + second * 500ms);
    REQUIRE(burst.behind_since(0, then) == now);
  }
  // Having caught up, it begins anew.
  CHECK(half.behind_since(50 * a_second, now + 100s) == now + 100s);
  CHECK(half.behind_since(~std::size_t{0}, now + 101s) == now + 101s);
}
