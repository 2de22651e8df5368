// Every seed of every door, and some thousands of cheap mutations of them, without libFuzzer: what a change
// breaks roughly shows here. SYNCLOG_TEST_SEED=s repeats a run; SYNCLOG_TEST_LONG=1 tries many more.
#include "fuzz/seeds.hpp"
#include "fuzz/targets.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <random>

using namespace synclog::fuzz;

namespace {

constexpr std::size_t mutations = 20'000, long_mutations = 1'000'000; // a target
constexpr std::size_t max_bytes = 4'096;
constexpr std::size_t max_edits = 6;

std::string setting(const char* name) {
  const char* const given = std::getenv(name);
  return given == nullptr ? "" : given;
}

// What did not hold; empty when all did.
std::string defect_of(const target& tried, const std::string& bytes) {
  try {
    tried.run(bytes);
    return {};
  } catch (const std::exception& caught) {
    return caught.what();
  }
}

class mutator {
 public:
  mutator(std::vector<seed> seeds, std::vector<std::string> words, std::uint32_t number)
      : seeds_(std::move(seeds)), words_(std::move(words)), random_(number) {}

  std::string make() {
    std::string bytes = any_seed();
    for (std::size_t edits = 1 + below(max_edits); edits > 0; --edits)
      edit(bytes);
    if (bytes.size() > max_bytes) bytes.resize(max_bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  const std::string& any_seed() { return seeds_[below(seeds_.size())].bytes; }

  void edit(std::string& bytes) {
    if (bytes.empty()) bytes = "x";
    const std::size_t at = below(bytes.size());
    switch (below(8)) {
    case 0:
      bytes[at] = static_cast<char>(random_());
      break;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 2:
      bytes.erase(at, 1 + below(4));
      break;
    case 3:
      bytes.insert(at, 1, static_cast<char>(random_()));
      break;
    case 4: // a part of it again
      bytes.insert(at, bytes.substr(below(bytes.size()), below(16)));
      break;
    case 5:
      if (!words_.empty()) bytes.insert(at, words_[below(words_.size())]);
      break;
    case 6: { // goes on as another one
      const std::string& other = any_seed();
      bytes = bytes.substr(0, at) + other.substr(other.empty() ? 0 : below(other.size()));
      break;
    }
    default:
      bytes.resize(at);
    }
  }

  std::vector<seed> seeds_;
  std::vector<std::string> words_;
  std::mt19937 random_;
};

} // namespace

TEST_CASE("fuzz: bytes written for a seed are read as the same") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all.push_back(static_cast<char>(byte));
  CHECK(unescaped(escaped(all)) == all);
  CHECK(unescaped("a\\r\\n\n\\x00b\\\\\n") == std::string("a\r\n\0b\\", 6));
  CHECK_THROWS(unescaped("\\q"));
}

TEST_CASE("fuzz: what must hold of each door holds of its seeds") {
  for (const target& door : all_targets()) {
    for (const seed& each : read_seeds(door.name)) {
      const std::string defect = defect_of(door, each.bytes);
      CHECK_MESSAGE(defect.empty(), each.file, ": ", defect);
    }
  }
}

TEST_CASE("fuzz: what must hold of each door holds of mutated seeds") {
  const std::string given = setting("SYNCLOG_TEST_SEED");
  const auto first = given.empty() ? std::random_device{}() : static_cast<std::uint32_t>(std::stoul(given));
  MESSAGE("repeat with SYNCLOG_TEST_SEED=", first);
  const std::size_t rounds = setting("SYNCLOG_TEST_LONG").empty() ? mutations : long_mutations;
  for (const target& door : all_targets()) {
    mutator mutations_of(read_seeds(door.name), read_words(door.name), first);
    for (std::size_t round = 0; round < rounds; ++round) {
      const std::string bytes = mutations_of.make();
      const std::string defect = defect_of(door, bytes);
      REQUIRE_MESSAGE(defect.empty(), defect, ", of a file in tests/fuzz/seeds/", door.name, " with ",
                      escaped(bytes));
    }
  }
}
