// Whose answers go when too many bytes wait for their readers.
#include "http/unread_answers.hpp"
#include "http/waiting.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

using synclog::http::unhurried;
using synclog::http::unread_answers;
using parting = unread_answers::parting;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mb = 1u << 20, small = unread_answers::small_bytes;
const unread_answers::clock::time_point now{std::chrono::hours(5)};
const auto long_ago = now - unhurried - 1s;

// A connection that goes at once when it is told to.
struct reader {
  reader(unread_answers& all, std::string caller)
      : held(std::in_place, all, std::move(caller), [this](parting why) { told = why; }) {}
  bool hold(std::size_t bytes, unread_answers::clock::time_point behind_since = now) {
    const bool stays = held->hold(bytes, behind_since, now);
    if (!stays) held.reset();
    return stays;
  }
  std::optional<unread_answers::answer> held;
  std::optional<parting> told;
};

struct readers {
  explicit readers(std::size_t most) : all(most) {}
  reader& add(std::string caller) {
    list.push_back(std::make_unique<reader>(all, std::move(caller)));
    return *list.back();
  }
  auto told() const {
    return std::count_if(list.begin(), list.end(), [](const auto& one) { return one->told.has_value(); });
  }
  void let_go() {
    std::erase_if(list, [](const auto& one) { return one->told.has_value() || !one->held; });
  }
  unread_answers all;
  std::vector<std::unique_ptr<reader>> list;
};

} // namespace

TEST_CASE("unread: what has been read counts no more, and what has ended holds nothing") {
  readers of(100 * mb);
  auto& first = of.add("a");
  CHECK(first.hold(90 * mb));
  CHECK(first.hold(20 * mb));
  CHECK(of.all.bytes() == 20 * mb);
  auto& second = of.add("b");
  CHECK(second.hold(80 * mb));
  CHECK_FALSE(first.told);
  second.held.reset();
  first.held.reset();
  CHECK(of.all.bytes() == 0);
}

TEST_CASE("unread: who has more than a quarter goes first, his largest before the others, and nobody else") {
  readers of(100 * mb);
  auto& slow = of.add("b");
  REQUIRE(slow.hold(20 * mb, long_ago));
  auto& large = of.add("a");
  REQUIRE(large.hold(40 * mb));
  auto& middle = of.add("a");
  REQUIRE(middle.hold(30 * mb));
  CHECK(of.add("c").hold(20 * mb));
  CHECK(large.told == parting::has_most);
  CHECK_FALSE(middle.told);
  CHECK_FALSE(slow.told);
  // Before it has gone, others come: what it leaves is counted on.
  CHECK(of.add("d").hold(10 * mb));
  CHECK_FALSE(middle.told);
  // The same caller's next one is what is too much.
  CHECK_FALSE(of.add("a").hold(90 * mb));
  CHECK_FALSE(middle.told);
}

TEST_CASE("unread: when nobody has more than his share, those whose readers are far behind go") {
  readers of(100 * mb);
  std::vector<reader*> held;
  for (int one = 0; one < 5; ++one) {
    held.push_back(&of.add(std::to_string(one)));
    REQUIRE(held.back()->hold(20 * mb, one == 3 ? long_ago : now));
  }
  CHECK(of.add("new").hold(10 * mb));
  CHECK(held[3]->told == parting::is_behind);
  // Now nobody is: a large one is not held.
  of.let_go();
  REQUIRE(of.add("more").hold(10 * mb));
  CHECK_FALSE(of.add("late").hold(10 * mb));
  // But for one that is small beside it the largest goes.
  CHECK(of.add("late").hold(mb));
  CHECK(of.told() == 1);
}

TEST_CASE("unread: a reader that was thought to be behind and is not stays, and others go for it") {
  readers of(100 * mb);
  auto& steady = of.add("");
  REQUIRE(steady.hold(50 * mb, long_ago - 1s));
  auto& stalled = of.add("");
  REQUIRE(stalled.hold(50 * mb, long_ago));
  REQUIRE(of.add("").hold(mb));
  REQUIRE(steady.told == parting::is_behind);
  steady.held->stay(now);
  CHECK(of.add("").hold(mb));
  CHECK(stalled.told == parting::is_behind);
}

TEST_CASE("unread: a small answer is never given up while somebody has a larger one") {
  readers of(100 * mb);
  std::vector<reader*> large;
  for (int one = 0; one < 5; ++one) {
    large.push_back(&of.add(one < 4 ? std::to_string(one) : ""));
    REQUIRE(large.back()->hold(20 * mb - static_cast<std::size_t>(one)));
  }
  for (int one = 0; one < 1'000; ++one)
    REQUIRE(of.add("small").hold(small));
  CHECK(large[0]->told == parting::has_most);
  for (std::size_t one = large.size(); one < of.list.size(); ++one)
    REQUIRE_FALSE(of.list[one]->told);
  // Nor when it is its own caller who has too much.
  of.let_go();
  auto& more = of.add("small");
  REQUIRE(more.hold(100 * mb - of.all.bytes()));
  CHECK(of.add("small").hold(small));
  CHECK(more.told == parting::has_most);
}

TEST_CASE(
    "unread: when all are small, the caller with more than its share gives one up, never the newcomer") {
  readers of(100 * small);
  for (int one = 0; one < 30; ++one)
    REQUIRE(of.add("a").hold(small));
  for (int one = 0; one < 70; ++one)
    REQUIRE(of.add("").hold(small));
  for (int one = 0; one < 5; ++one)
    CHECK(of.add("b").hold(small));
  CHECK(of.told() == 5);
  for (std::size_t one = 30; one < of.list.size(); ++one)
    CHECK_FALSE(of.list[one]->told);
  // A large one has to wait.
  CHECK_FALSE(of.add("c").hold(50 * small));
}

TEST_CASE("unread: whatever comes, what stays is within the bound") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr std::size_t most = 100 * mb;
  readers of(most);
  for (int step = 0; step < 5'000; ++step) {
    auto& one = of.add(std::string(random() % 4, 'x')); // "" too
    one.hold(random() % (60 * mb) + 1, random() % 2 == 0 ? long_ago : now);
    REQUIRE(of.all.bytes() <= most + most / 4);
    of.let_go();
    REQUIRE(of.all.bytes() <= most);
    if (of.list.empty()) continue;
    auto& other = *of.list[random() % of.list.size()];
    if (random() % 2 == 0) other.hold(random() % mb + 1);
  }
  of.list.clear();
  CHECK(of.all.bytes() == 0);
}
