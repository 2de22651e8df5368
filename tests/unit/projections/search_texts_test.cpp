// Searching in memory: places in a text, keys in a column's order, records that come and go, and the first of
// those that match.
#include "projections/byte_search.hpp"
#include "projections/live_value.hpp"
#include "projections/order_prefix.hpp"
#include "projections/search_scan.hpp"
#include "projections/search_store.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>

using namespace synclog;
using namespace synclog::projections;
using direction = search_request::direction;

namespace {

std::string random_text(std::mt19937_64& random, std::size_t longest, int letters) {
  std::string text;
  for (auto left = random() % (longest + 1); left > 0; --left)
    text.push_back(static_cast<char>('a' + random() % static_cast<unsigned>(letters)));
  return text;
}

struct held {
  std::string text;
  std::uint64_t key = 0;
};
using model = std::map<std::string, held>;

std::set<std::string> found_ids(const search_store& store, const std::string& term) {
  search_request request;
  request.term = term;
  request.most = 1'000'000;
  search_scan scan(store.snapshot(), request);
  while (scan.step()) {
  }
  CHECK_FALSE(scan.cut());
  std::set<std::string> ids;
  for (const auto& each : scan.candidates())
    CHECK(ids.emplace(scan.id(each)).second);
  CHECK(scan.found() == ids.size());
  return ids;
}

std::set<std::string> expected_ids(const model& all, const std::string& term) {
  std::set<std::string> ids;
  for (const auto& [id, record] : all)
    if (record.text.find(term) != std::string::npos) ids.insert(id);
  return ids;
}

} // namespace

TEST_CASE("byte search: it finds what the standard library finds, at every place and length") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random, 150, 3);
    std::string term = random_text(random, 6, 3);
    if (random() % 2 == 0 && !text.empty()) term = text.substr(random() % text.size(), 1 + random() % 40);
    const std::size_t from = random() % 160;
    REQUIRE_MESSAGE(find_bytes(text, term, from) == std::string_view(text).find(term, from),
                    text << " / " << term << " / " << from);
  }
  const std::string bytes("\0\xff\x80 \xc3\xa4\0x", 8);
  CHECK(find_bytes(bytes, "\xc3\xa4") == 4);
  CHECK(find_bytes(bytes, std::string_view("\0x", 2)) == 6);
}

TEST_CASE("order prefix: it never exchanges two values of a column, and equal ones are equal") {
  using core::field_type;
  const std::map<field_type, std::vector<std::string>> columns = {
      {field_type::text,
       {"", "A", "B", "a", "aaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaab", "ab", "z\x7f", "\xc3\xa4",
        "\xf4\x8f\xbf\xbf"}},
      {field_type::number,
       {"-99999999999999999999999999999999999999", "-10", "-9", "-0.00000001", "0", "0.1", "0.3",
        "0.30000000000000004", "9", "10", "9007199254740992", "9007199254740993",
        "99999999999999999999999999999999999999"}},
      {field_type::integer,
       {"-9223372036854775808", "-1", "0", "1", "9223372036854775806", "9223372036854775807"}},
      {field_type::boolean, {"false", "true"}},
      {field_type::date, {"0001-01-01", "1999-12-31", "2026-11-23", "9999-12-31"}},
      {field_type::time, {"00:00:00", "00:00:01", "23:59:59"}},
      {field_type::timestamp,
       {"0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z",
        "2026-11-23T04:05:06.000001Z", "2026-11-23T04:05:06.000002Z"}}};
  for (const auto& [type, values] : columns) {
    for (const std::string& left : values) {
      CHECK(prefix_of(type, left) < prefix_of(type, std::nullopt)); // empty ones stand last
      for (const std::string& right : values) {
        INFO(left, " and ", right);
        const int order = compare_values(type, left, right);
        if (order < 0) CHECK(prefix_of(type, left) <= prefix_of(type, right));
        if (order == 0) CHECK(prefix_of(type, left) == prefix_of(type, right));
        if (order != 0 && is_whole_value(type)) CHECK(prefix_of(type, left) != prefix_of(type, right));
      }
    }
  }
  CHECK(prefix_of(field_type::timestamp, "2026-11-23T04:05:06.000001Z") <
        prefix_of(field_type::timestamp, "2026-11-23T04:05:06.000002Z"));
  CHECK(prefix_of(field_type::number, "1.25e1") == prefix_of(field_type::number, "12.5"));
  CHECK(prefix_of_moment(-1) < prefix_of_moment(0));
}

TEST_CASE("search store: after any changes exactly the records that hold a term are found") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  search_store store;
  model all;
  constexpr int changes = 120'000, ids = 20'000; // several segments, most of them left again
  for (int i = 0; i < changes; ++i) {
    const std::string id = fmt::format("r{}", random() % ids);
    if (random() % 4 == 0) {
      store.remove(id);
      all.erase(id);
    } else {
      const held record{random_text(random, 30, 5), random() % 1'000};
      store.set(id, record.text, {record.key, 0});
      all[id] = record;
    }
    if (i % 30'000 != 29'999) continue;
    for (const char* term : {"a", "ab", "abc", "edcba", "aaaaaa", "f"})
      CHECK(found_ids(store, term) == expected_ids(all, term));
  }
  CHECK(store.records() == all.size());
  std::size_t bytes = 0;
  for (const auto& [id, record] : all)
    bytes += id.size() + record.text.size() + 1;
  CHECK(store.bytes() < 4 * bytes + 4 * search_segment::usual_bytes); // what was replaced is given back
  store.clear();
  CHECK(found_ids(store, "a").empty());
  CHECK(store.bytes() == 0);
}

TEST_CASE("search store: what the log said beats what a page of the table says later") {
  search_store store;
  store.set("changed", "new", {});
  store.remove("gone");
  for (const char* id : {"changed", "gone", "still"})
    store.load(id, "old", {});
  CHECK(found_ids(store, "old") == std::set<std::string>{"still"});
  store.set("gone", "back", {});
  store.loaded();
  CHECK(found_ids(store, "back") == std::set<std::string>{"gone"});
  CHECK(store.records() == 3);
}

TEST_CASE("search store: a snapshot keeps what it held while the store goes on") {
  search_store store;
  for (int i = 0; i < 20'000; ++i)
    store.set(fmt::format("r{}", i), "steady", {});
  const search_snapshot before = store.snapshot();
  for (int i = 0; i < 20'000; ++i)
    if (i % 3 != 0) store.remove(fmt::format("r{}", i)); // the rest moves to other segments
  search_request request;
  request.term = "steady";
  request.most = 100'000;
  search_scan scan(before, request);
  while (scan.step()) {
  }
  std::set<std::string> ids;
  for (const auto& each : scan.candidates())
    ids.emplace(scan.id(each));
  for (int i = 0; i < 20'000; i += 3)
    REQUIRE(ids.contains(fmt::format("r{}", i)));
}

TEST_CASE("search scan: the first of the order, and a cut that says how far they are complete") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  search_store store;
  model all;
  for (int i = 0; i < 30'000; ++i) {
    const held record{random_text(random, 8, 4), random() % 500};
    store.set(fmt::format("r{}", i), record.text, {record.key, 0});
    all[fmt::format("r{}", i)] = record;
  }
  for (int round = 0; round < 200; ++round) {
    search_request request;
    request.term = random_text(random, 2, 4) + "a";
    request.order = random() % 2 == 0 ? direction::ascending : direction::descending;
    const bool ascending = request.order == direction::ascending, by_id = random() % 2 == 0;
    if (by_id) request.ties = search_request::equal_keys::by_id;
    request.most = 1 + random() % 3'000;
    if (random() % 2 == 0)
      request.from = search_place{{random() % 500, 0}, fmt::format("r{}", random() % 30'000)};
    search_scan scan(store.snapshot(), request);
    while (scan.step()) {
    }
    const auto is_before = [&](const std::string& id, const held& record, const search_place& other) {
      if (record.key != other.key.high) return (record.key < other.key.high) == ascending;
      return by_id && (ascending ? id < other.id : other.id < id);
    };
    std::vector<std::string> got, wanted;
    for (const auto& each : scan.candidates())
      got.emplace_back(scan.id(each));
    std::size_t matching = 0;
    for (const auto& [id, record] : all) {
      if (record.text.find(request.term) == std::string::npos) continue;
      if (request.from && is_before(id, record, *request.from)) continue;
      ++matching;
      if (!scan.cut() || is_before(id, record, *scan.cut())) wanted.push_back(id);
    }
    CHECK(scan.found() == matching);
    CHECK(got.size() <= request.most);
    CHECK(scan.cut().has_value() == (matching > request.most));
    if (by_id && scan.cut()) CHECK(got.size() == request.most); // ids leave no ties
    for (std::size_t i = 1; i < got.size(); ++i)
      CHECK_FALSE(is_before(got[i], all[got[i]], scan.place(scan.candidates()[i - 1])));
    std::sort(got.begin(), got.end());
    std::sort(wanted.begin(), wanted.end());
    CHECK(got == wanted);
  }
}

TEST_CASE("search scan: a common term ends it early, a rare one never does") {
  search_store store;
  for (int i = 0; i < 40'000; ++i)
    store.set(fmt::format("r{}", i), i % 1'000 == 0 ? "common rare" : "common", {});
  search_request request;
  request.common_count = 100;
  request.most = 10;
  for (const auto& [term, is_common] : {std::pair{"common", true}, {"rare", false}}) {
    request.term = term;
    request.common_count = is_common ? 100 : 10;
    search_scan scan(store.snapshot(), request);
    while (scan.step()) {
    }
    CHECK(scan.is_common() == is_common);
    CHECK((scan.looked_at() < 40'000) == is_common);
    scan.go_on();
    while (scan.step()) {
    }
    CHECK(scan.looked_at() == 40'000);
    CHECK(scan.found() == (is_common ? 40'000 : 40));
  }
}
