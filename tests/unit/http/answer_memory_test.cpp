#include "core/chain.hpp"
#include "http/answer_memory.hpp"
#include <doctest/doctest.h>
#include <string>

using namespace synclog;

namespace {

core::cursor at(std::int64_t position) {
  return core::cursor::of({position}, core::sha256(std::to_string(position)));
}

http::kept_answer page(std::int64_t position, std::size_t bytes) {
  return {.change = at(position), .link = {}, .body = std::string(bytes, 'x')};
}

} // namespace

TEST_CASE("answer memory: gives an answer only for the state that it shows") {
  http::answer_memory memory(1u << 20);
  CHECK_FALSE(memory.find("q", at(1)));
  memory.keep("q", page(1, 10));
  REQUIRE(memory.find("q", at(1)));
  CHECK(memory.find("q", at(1))->body.size() == 10);
  CHECK_FALSE(memory.find("q", at(2)));
  CHECK_FALSE(memory.find("another", at(1)));
  // The same position of another history is another state.
  CHECK_FALSE(memory.find("q", core::cursor::of({1}, core::sha256("other"))));
  memory.keep("q", page(2, 20));
  CHECK_FALSE(memory.find("q", at(1)));
  CHECK(memory.find("q", at(2))->body.size() == 20);
  CHECK(memory.stats().answers == 1);
}

TEST_CASE("answer memory: stays within its bytes, and lets go of what was not used for longest") {
  constexpr std::size_t room = 100'000, body = 10'000;
  http::answer_memory memory(room);
  for (int i = 0; i < 100; ++i) {
    memory.keep("q" + std::to_string(i), page(1, body));
    CHECK(memory.find("q0", at(1)));
    CHECK(memory.stats().bytes <= room);
  }
  CHECK(memory.find("q99", at(1)));
  CHECK_FALSE(memory.find("q50", at(1)));
  CHECK(memory.stats().answers == 9);
  memory.keep("large", page(1, room / 8));
  CHECK_FALSE(memory.find("large", at(1)));
}
