// gzip in pieces: nothing is lost, whatever the pieces are, and nothing that is missing or changed passes.
#include "core/gzip.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <random>

using namespace synclog::core;

namespace {

std::string packed(std::string_view text, std::size_t piece = 1'000) {
  gzip_encoder encoder;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece)
    encoder.encode(text.substr(at, piece), out);
  encoder.finish(out);
  return out;
}

struct unpacked {
  std::string text;
  bool broken = false, complete = false;
};

// Given and taken in pieces of a size.
unpacked unpack(std::string_view bytes, std::size_t piece, std::size_t most) {
  gzip_decoder decoder;
  unpacked made;
  while (true) {
    std::string_view given = bytes.substr(0, piece);
    const std::size_t offered = given.size(), before = made.text.size();
    if (!decoder.decode(given, made.text, most)) {
      made.broken = true;
      return made;
    }
    CHECK(made.text.size() - before <= most);
    bytes.remove_prefix(offered - given.size());
    if (bytes.empty() && made.text.size() == before) break;
  }
  made.complete = decoder.complete();
  return made;
}

std::string some_text(std::mt19937_64& random, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += random() % 4 == 0 ? std::to_string(random()) : "the same again and again, ";
  return text;
}

} // namespace

TEST_CASE("gzip: what was encoded comes back, in pieces of any size on either side") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (const std::size_t bytes : {0u, 1u, 5'000u, 700'000u}) {
    const auto text = some_text(random, bytes);
    const auto bytes_packed = packed(text, 1 + random() % 90'000);
    CHECK(bytes_packed.starts_with(gzip_magic));
    for (const std::size_t piece : {1'000u, 100'000u}) {
      const auto back = unpack(bytes_packed, piece, 1 + random() % 50'000);
      CHECK(back.complete);
      CHECK(back.text == text);
    }
  }
}

TEST_CASE("gzip: streams one behind the other are one") {
  const auto back = unpack(packed("first ") + packed("") + packed("second"), 7, 3);
  CHECK(back.complete);
  CHECK(back.text == "first second");
}

TEST_CASE("gzip: a stream that ends early is not complete, a changed or foreign byte is refused") {
  std::mt19937_64 random(1);
  const auto whole = packed(some_text(random, 20'000));
  for (const std::size_t kept : {std::size_t{0}, std::size_t{5}, whole.size() / 2, whole.size() - 1})
    CHECK_FALSE(unpack(std::string_view(whole).substr(0, kept), 100, 1'000).complete);
  for (const std::size_t place : {std::size_t{3}, whole.size() / 2, whole.size() - 6}) {
    auto changed = whole;
    changed[place] = static_cast<char>(changed[place] ^ 0x55);
    const auto back = unpack(changed, 100, 1'000);
    CHECK((back.broken || !back.complete));
  }
  CHECK(unpack(whole + "behind it", 100, 1'000).broken);
  CHECK(unpack("plain text", 100, 1'000).broken);
}
