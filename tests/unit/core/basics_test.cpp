// Problems, moments, ids, cursors, the chain and the envelope.
#include "core/chain.hpp"
#include "core/clock.hpp"
#include "core/command.hpp"
#include "core/event.hpp"
#include "core/ids.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/utf8.hpp"
#include <doctest/doctest.h>
#include <mutex>
#include <random>
#include <set>
#include <thread>

using namespace synclog::core;

TEST_CASE("problem codes: every word leads back to its code") {
  std::set<std::string_view> words;
  for (int at = 0; at <= static_cast<int>(problem_code::internal); ++at) {
    const auto code = static_cast<problem_code>(at);
    CHECK(problem_code_from(to_string(code)) == code);
    words.insert(to_string(code));
  }
  CHECK(words.size() == static_cast<std::size_t>(problem_code::internal) + 1);
  CHECK_FALSE(problem_code_from("no such").has_value());
  for (int at = 0; at <= static_cast<int>(item_status::rejected); ++at)
    CHECK(item_status_from(to_string(static_cast<item_status>(at))) == static_cast<item_status>(at));
  CHECK_FALSE(item_status_from("gone").has_value());
}

TEST_CASE("clock: formatting has six decimals and Z") {
  CHECK(to_rfc3339({0}) == "1970-01-01T00:00:00.000000Z");
  CHECK(to_rfc3339({-1}) == "1969-12-31T23:59:59.999999Z");
  CHECK(to_rfc3339({1'795'406'706'123'456}) == "2026-11-23T04:05:06.123456Z");
  CHECK(to_rfc3339(*parse_rfc3339("2000-02-29T12:00:00Z")) == "2000-02-29T12:00:00.000000Z");
}

TEST_CASE("clock: parsing takes any offset and cuts to microseconds") {
  CHECK(parse_rfc3339("2026-11-23T04:05:06Z")->micros == 1'795'406'706'000'000);
  CHECK(parse_rfc3339("2026-11-23T11:05:06+07:00")->micros == 1'795'406'706'000'000);
  CHECK(parse_rfc3339("2026-11-22T23:35:06.5-04:30")->micros == 1'795'406'706'500'000);
  CHECK(parse_rfc3339("2026-11-23t04:05:06.123456789z")->micros == 1'795'406'706'123'456);
  CHECK(parse_rfc3339("2026-11-23 04:05:06Z").has_value());
  CHECK(parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z"));
  for (const char* bad :
       {"", "2026-11-23", "2026-11-23T04:05:06", "2026-11-23T04:05Z", "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T04:60:00Z", "2026-11-23T04:05:61Z", "2026-11-23T04:05:06.Z",
        "2026-11-23T04:05:06.1234567890Z", "2026-11-23T04:05:06+0700", "2026-11-23T04:05:06+24:00",
        "2026-11-23T04:05:06Zx", "2026/11/23T04:05:06Z", "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00", "2026-11-23X04:05:06Z", "+026-11-23T04:05:06Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad).has_value());
  }
}

TEST_CASE("clock: parse(format(x)) is x, and text order is time order") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::int64_t first = parse_rfc3339("0001-01-01T00:00:00Z")->micros;
  const std::int64_t last = parse_rfc3339("9999-12-31T23:59:59.999999Z")->micros;
  std::uniform_int_distribution<std::int64_t> any(first, last);
  for (int round = 0; round < 5000; ++round) {
    const timestamp a{any(random)};
    const timestamp b{any(random)};
    CHECK(parse_rfc3339(to_rfc3339(a)) == a);
    CHECK((to_rfc3339(a) < to_rfc3339(b)) == (a < b));
  }
  CHECK(to_rfc3339(now()) > "2020");
}

TEST_CASE("clock: dates exist or not") {
  CHECK(is_calendar_date("2024-02-29"));
  CHECK(is_calendar_date("0001-01-01"));
  CHECK(is_calendar_date("9999-12-31"));
  for (const char* bad : {"2026-02-30", "2023-02-29", "1900-02-29", "0000-01-01", "2026-13-01", "2026-00-01",
                          "2026-01-00", "2026-1-1", "2026-01-01 ", "20260101", "", "2026-04-31"})
    CHECK_FALSE(is_calendar_date(bad));
}

TEST_CASE("ids: what a record id may be") {
  CHECK(is_valid_record_id("CLT-1"));
  CHECK(is_valid_record_id("APT1731000000000"));
  CHECK(is_valid_record_id("nhà-số-1"));
  CHECK(is_valid_record_id(std::string(255, 'x')));
  CHECK(is_valid_record_id("..."));
  CHECK(is_valid_record_id(" "));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("a\x7F"), std::string("\xC2\x85"), std::string("\xFF"),
        std::string("\xED\xA0\x80"), std::string(256, 'x')})
    CHECK_FALSE(is_valid_record_id(bad));
}

TEST_CASE("ids: version 7 UUIDs grow strictly, also across threads") {
  constexpr int per_thread = 20'000;
  std::vector<std::vector<uuid>> made(4);
  std::vector<std::thread> threads;
  for (auto& list : made)
    threads.emplace_back([&list] {
      for (int round = 0; round < per_thread; ++round)
        list.push_back(make_uuid7());
    });
  for (auto& thread : threads)
    thread.join();
  std::set<uuid> all;
  for (const auto& list : made) {
    CHECK(std::is_sorted(list.begin(), list.end()));
    all.insert(list.begin(), list.end());
  }
  CHECK(all.size() == 4 * per_thread);
  const std::string text = to_string(make_uuid7());
  CHECK(text.size() == 36);
  CHECK(text[14] == '7');
  CHECK(std::string_view("89ab").find(text[19]) != std::string_view::npos);
  CHECK(make_record_id("CLT").starts_with("CLT-0"));
}

TEST_CASE("random: every byte is written, and no draw is like another, whatever the sizes and threads") {
  std::mutex mutex;
  std::set<std::string> seen; // pieces of eight bytes, of which no two among a million are alike by chance
  std::size_t pieces = 0;
  const auto draw = [&](unsigned seed) {
    std::minstd_rand sizes(seed);
    for (int turn = 0; turn < 2'000; ++turn) {
      // Around the block's and the small draw's bounds too.
      const std::size_t bytes = turn % 100 == 0 ? 4'000 + sizes() % 200 : 8 * (1 + sizes() % 40);
      std::string drawn(bytes, '\0');
      fill_random(reinterpret_cast<unsigned char*>(drawn.data()), bytes);
      const std::lock_guard guard(mutex);
      for (std::size_t at = 0; at + 8 <= bytes; at += 8, ++pieces)
        seen.insert(drawn.substr(at, 8));
    }
  };
  std::thread other(draw, 1u);
  draw(2u);
  other.join();
  CHECK(seen.size() == pieces);
}

TEST_CASE("cursor: text and back") {
  sha256_digest hash{};
  hash[0] = 0x9F;
  hash[1] = 0x3A;
  hash[2] = 0x6C;
  hash[3] = 0x1E;
  CHECK(to_string(cursor::of({1042}, hash)) == "1042-9f3a6c1e");
  const auto parsed = parse_cursor("1042-9f3a6c1e");
  REQUIRE(parsed.has_value());
  CHECK(parsed->position.value == 1042);
  CHECK(parsed->fingerprint == 0x9F3A6C1E);
  CHECK(parse_cursor("0")->position.value == 0);
  CHECK_FALSE(parse_cursor("17")->fingerprint.has_value());
  for (const char* bad : {"", "-1", "x", "1-", "1-9f3a6c1", "1-9f3a6c1g", "1-9f3a6c1e0", "1 ",
                          "99999999999999999999", "+1", "1--9f3a6c1", "1-+9f3a6c1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_cursor(bad).has_value());
  }
}

TEST_CASE("hex: there and back, and the digest of a known text") {
  CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(from_hex("00ffAb") == std::string("\x00\xFF\xAB", 3));
  CHECK_FALSE(from_hex("0").has_value());
  CHECK_FALSE(from_hex("0g").has_value());
}

namespace {

event sample_event() {
  event made;
  made.position = {1042};
  made.entity = "clients";
  made.record_id = "CLT-1";
  made.version = 2;
  made.action = event_action::updated;
  made.branch = "north";
  made.previous_branch = "east";
  made.data = R"({"id":"CLT-1","version":2})";
  made.meta = R"({"actor":"front-desk","request_id":"r1"})";
  made.recorded_at = *parse_rfc3339("2026-11-23T04:05:06.123456Z");
  made.hash[0] = 0x9F;
  made.hash[1] = 0x3A;
  made.hash[2] = 0x6C;
  made.hash[3] = 0x1E;
  return made;
}

uuid sample_log_id() {
  uuid id{};
  for (std::size_t at = 0; at < id.size(); ++at)
    id[at] = static_cast<unsigned char>(at);
  return id;
}

} // namespace

TEST_CASE("chain: the envelope is length-prefixed fields in a fixed order") {
  chain_hasher hasher(sample_log_id());
  const std::string id_bytes(reinterpret_cast<const char*>(sample_log_id().data()), 16);
  CHECK(hasher.genesis() == sha256(std::string("\0synclog", 8) + id_bytes));

  const auto field = [](std::string_view bytes) {
    std::string out(3, '\0');
    out.push_back(static_cast<char>(bytes.size()));
    return out + std::string(bytes);
  };
  const auto number = [](std::int64_t value) {
    std::string out("\0\0\0\x08", 4);
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift & 0xFF));
    return out;
  };
  event source = sample_event();
  const std::string head =
      field(id_bytes) + number(1042) + field("clients") + field("CLT-1") + number(2) + field("updated");
  const std::string tail = number(source.recorded_at.micros) + field(source.meta);
  const std::string null = "\xFF\xFF\xFF\xFF";
  const sha256_digest data_hash = hasher.data_hash("salt", "data");
  CHECK(data_hash == sha256("saltdata"));
  const auto expected = [&](const std::string& envelope) {
    const auto bytes = [](const sha256_digest& digest) {
      return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
    };
    return sha256("\x01" + bytes(hasher.genesis()) + bytes(sha256(envelope)) + bytes(data_hash));
  };
  const sha256_digest genesis = hasher.genesis();
  CHECK(hasher.next(genesis, source, data_hash) == expected(head + field("north") + field("east") + tail));
  source.previous_branch = "";
  CHECK(hasher.next(genesis, source, data_hash) == expected(head + field("north") + field("") + tail));
  source.previous_branch.reset();
  source.branch.clear();
  CHECK(hasher.next(genesis, source, data_hash) == expected(head + null + null + tail));
}

TEST_CASE("chain: every stored column changes the hash") {
  chain_hasher hasher(sample_log_id());
  const sha256_digest data_hash = hasher.data_hash("salt", "data");
  const sha256_digest base = hasher.next(hasher.genesis(), sample_event(), data_hash);
  const auto differs = [&](auto change) {
    event changed = sample_event();
    change(changed);
    return hasher.next(hasher.genesis(), changed, data_hash) != base;
  };
  CHECK(differs([](event& e) { e.position.value++; }));
  CHECK(differs([](event& e) {
    e.entity = "client";
    e.record_id = "sCLT-1";
  }));
  CHECK(differs([](event& e) { e.version++; }));
  CHECK(differs([](event& e) { e.action = event_action::reverted; }));
  CHECK(differs([](event& e) { e.branch = "south"; }));
  CHECK(differs([](event& e) { e.previous_branch = "west"; }));
  CHECK(differs([](event& e) { e.recorded_at.micros++; }));
  CHECK(differs([](event& e) { e.meta += " "; }));
  CHECK(hasher.next(base, sample_event(), data_hash) != base);
  CHECK(hasher.next(hasher.genesis(), sample_event(), hasher.data_hash("salt", "datb")) != base);
  uuid other = sample_log_id();
  other[15] ^= 1;
  CHECK(chain_hasher(other).next(hasher.genesis(), sample_event(), data_hash) != base);
}

TEST_CASE("event: the envelope has its members in the order of the contract") {
  event source = sample_event();
  encoded_event encoded = encode_event(source);
  CHECK(
      encoded.head + "1037" + encoded.tail ==
      R"({"type":"event","position":1042,"cursor":"1042-9f3a6c1e","previous":1037,"resource":"clients","action":"updated",)"
      R"("id":"CLT-1","version":2,"branch":"north","previous_branch":"east","actor":"front-desk",)"
      R"("recorded_at":"2026-11-23T04:05:06.123456Z","data":{"id":"CLT-1","version":2}})");
  source.previous_branch = "";
  CHECK(encode_event(source).tail.find(R"("branch":"north","previous_branch":null,)") != std::string::npos);
  source.previous_branch.reset();
  source.branch.clear();
  CHECK(encode_event(source).tail.find(R"("branch":null,"actor")") != std::string::npos);
  source.meta = "{}";
  CHECK(encode_event(source).tail.find(R"("actor":null)") != std::string::npos);
  source.meta = R"({"request_id":"\"actor\":1","actor":"a\"b"})";
  encoded = encode_event(source);
  CHECK(encoded.tail.find(R"("actor":"a\"b")") != std::string::npos);
  CHECK(json::parse(encoded.head + "0" + encoded.tail).has_value());
  for (int at = 0; at <= static_cast<int>(event_action::reverted); ++at)
    CHECK(event_action_from(to_string(static_cast<event_action>(at))) == static_cast<event_action>(at));
}

TEST_CASE("utf8: what is well-formed") {
  CHECK(is_valid_utf8("plain ascii that is longer than eight"));
  CHECK(is_valid_utf8("\xF0\x9F\x98\x80 \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "12345678\xFF"})
    CHECK_FALSE(is_valid_utf8(bad));
  CHECK(count_code_points("a\xC3\xA9\xF0\x9F\x98\x80") == 3);
}
