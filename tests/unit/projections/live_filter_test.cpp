// A list's filters over one record in memory, by example. That they agree with SQL is shown on a database:
// tests/pg/projections/live_filter_agreement_test.cpp.
#include "core/record.hpp"
#include "projections/live_filter.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <thread>

using namespace synclog;
using namespace synclog::projections;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

const char* const samples_json = R"({
  "title": "Samples", "type": "object", "additionalProperties": false, "x-revision": 1, "x-table": "samples", "x-prefix": "SAM",
  "properties": {
    "name": {"type": "string"}, "note": {"type": "string"}, "amount": {"type": "number"}, "count": {"type": "integer"},
    "flag": {"type": "boolean"}, "day": {"type": "string", "format": "date"},
    "clock": {"type": "string", "format": "time"}, "moment": {"type": "string", "format": "date-time"},
    "branch": {"type": "string"}, "data": {"type": "object"}
  },
  "x-filters": {"name": "name", "label": "name", "amount": "amount", "count": "count", "flag": "flag", "day": "day",
                "clock": "clock", "moment": "moment", "branch": "branch"},
  "x-search": ["name", "note"], "x-order": ["name"], "x-branch": "branch", "x-rest": "data"
})";

core::entity entity_of(const std::string& name, const std::string& json_text) {
  auto parsed = core::parse_entity(name, json_text);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().detail));
  return *std::move(parsed);
}

const core::entity& samples() {
  static const core::entity made = entity_of("samples", samples_json);
  return made;
}

// A record with some fields, the others null.
std::string record_with(const std::vector<std::pair<std::string, std::string>>& given,
                        const core::entity& definition = samples()) {
  core::field_texts fields(definition.fields.size());
  for (const auto& [name, json_text] : given)
    fields.set(definition.field_index(name).value(), json_text);
  const core::record_head head{"S-7",
                               3,
                               {41},
                               core::parse_rfc3339("2026-11-23T04:05:06Z").value(),
                               core::parse_rfc3339("2026-11-24T04:05:06.000001Z").value()};
  return core::encode_record(definition, head, fields);
}

live_filter filter_of(const parameters& params, const core::scope& caller = {},
                      const core::entity& definition = samples()) {
  const auto query = parse_list_query(definition, params, caller);
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return live_filter(*query);
}

bool shown(const parameters& params, const std::string& doc, const core::scope& caller = {}) {
  return filter_of(params, caller).matches(doc);
}

core::scope limited_to(std::vector<std::string> branches) {
  core::scope caller;
  caller.all_branches = false;
  caller.branches = std::move(branches);
  return caller;
}

} // namespace

TEST_CASE("live filter: nothing asked shows every record without a look at it") {
  CHECK(filter_of({}).matches(record_with({})));
  CHECK(filter_of({{"sort", "-name"}, {"limit", "1"}}).matches("not even a record"));
  CHECK(filter_of({{"search", ""}}).matches(record_with({})));
  CHECK(&filter_of({}).definition() == &samples());
}

TEST_CASE("live filter: repeated values are any of, different filters all of") {
  const std::string doc = record_with({{"name", "\"b\""}, {"count", "7"}});
  CHECK(shown({{"name", "b"}}, doc));
  CHECK_FALSE(shown({{"name", "B"}}, doc));
  CHECK(shown({{"name", "a\\b\n"}}, record_with({{"name", R"("a\\b\n")"}})));
  CHECK(shown({{"name", "a"}, {"name", "c"}, {"name", "b"}}, doc));
  CHECK_FALSE(shown({{"name", "a"}, {"name", "c"}}, doc));
  CHECK(shown({{"name", "b"}, {"count", "7"}}, doc));
  CHECK_FALSE(shown({{"name", "b"}, {"count", "8"}}, doc));
  CHECK(shown({{"name", "b"}, {"label", "b"}}, doc));
  CHECK_FALSE(shown({{"name", "b"}, {"label", "c"}}, doc)); // two names of one column
}

TEST_CASE("live filter: an empty value asks for none, and for a text also for \"\"") {
  const std::string null = record_with({}), empty = record_with({{"name", "\"\""}}),
                    named = record_with({{"name", "\"x\""}, {"count", "0"}});
  CHECK(shown({{"name", ""}}, null));
  CHECK(shown({{"name", ""}}, empty));
  CHECK_FALSE(shown({{"name", ""}}, named));
  CHECK(shown({{"name", ""}, {"name", "x"}}, named));
  CHECK(shown({{"name", ""}, {"name", "x"}}, empty));
  CHECK_FALSE(shown({{"name", "x"}}, null));
  CHECK(shown({{"count", ""}}, null));
  CHECK_FALSE(shown({{"count", ""}}, named));
}

TEST_CASE("live filter: ne shows records without a value too, unless it is the empty one that is excluded") {
  const std::string null = record_with({}), empty = record_with({{"name", "\"\""}}),
                    named = record_with({{"name", "\"x\""}, {"count", "0"}});
  CHECK(shown({{"name[ne]", "x"}}, null));
  CHECK(shown({{"name[ne]", "x"}}, empty));
  CHECK_FALSE(shown({{"name[ne]", "x"}}, named));
  CHECK_FALSE(shown({{"name[ne]", ""}}, null));
  CHECK_FALSE(shown({{"name[ne]", ""}}, empty));
  CHECK(shown({{"name[ne]", ""}}, named));
  CHECK_FALSE(shown({{"count[ne]", ""}}, null));
  CHECK(shown({{"count[ne]", ""}}, named));
  CHECK(shown({{"count[ne]", "1"}}, null));
}

TEST_CASE("live filter: numbers compare by value, whatever their length and sign") {
  const std::vector<std::string> rising = {"-99999999999999999999999999999999999999",
                                           "-10.5",
                                           "-10",
                                           "-9.75",
                                           "-0.00000000000000000000000000000000000001",
                                           "0",
                                           "0.00000000000000000000000000000000000001",
                                           "0.1",
                                           "0.10000000000000000000000000000000000001",
                                           "0.11",
                                           "9.9",
                                           "10",
                                           "10.000000000000000000000000000000001",
                                           "9007199254740993",
                                           "12345678901234567890123456789012345678"};
  for (std::size_t held = 0; held < rising.size(); ++held) {
    const std::string doc = record_with({{"amount", rising[held]}});
    for (std::size_t asked = 0; asked < rising.size(); ++asked) {
      INFO(rising[held], " against ", rising[asked]);
      CHECK(shown({{"amount[lt]", rising[asked]}}, doc) == (held < asked));
      CHECK(shown({{"amount[lte]", rising[asked]}}, doc) == (held <= asked));
      CHECK(shown({{"amount[gt]", rising[asked]}}, doc) == (held > asked));
      CHECK(shown({{"amount[gte]", rising[asked]}}, doc) == (held >= asked));
      CHECK(shown({{"amount", rising[asked]}}, doc) == (held == asked));
    }
  }
  CHECK(shown({{"amount", "1.25e1"}}, record_with({{"amount", "12.5"}})));
  CHECK_FALSE(shown({{"amount[gte]", "-1"}}, record_with({}))); // no value is in no range
  CHECK(shown({{"count[lt]", "10"}}, record_with({{"count", "9"}})));
  CHECK(shown({{"count[gt]", "-10"}}, record_with({{"count", "-9"}})));
}

TEST_CASE("live filter: dates, times and moments compare by time, texts by bytes, false before true") {
  const std::string doc = record_with({{"day", "\"2026-11-23\""},
                                       {"clock", "\"10:00:00\""},
                                       {"moment", "\"2026-11-23T04:05:06.000000Z\""},
                                       {"name", "\"Z\""},
                                       {"flag", "false"}});
  CHECK(shown({{"day", "2026-11-23T23:00:00Z"}}, doc));
  CHECK(shown({{"day[lt]", "2026-11-24"}}, doc));
  CHECK_FALSE(shown({{"day[lt]", "2026-11-23"}}, doc));
  CHECK(shown({{"clock", "10:00"}}, doc));
  CHECK(shown({{"clock[gt]", "09:59:59"}}, doc));
  CHECK(shown({{"moment", "2026-11-23T05:05:06+01:00"}}, doc));
  CHECK(shown({{"moment[lt]", "2026-11-23T04:05:06.000001Z"}}, doc));
  CHECK(shown({{"name[lt]", "a"}}, doc));
  CHECK(shown({{"name[lt]", "\xC3\xA9"}}, doc));
  CHECK(shown({{"flag[lt]", "true"}}, doc));
  CHECK(shown({{"flag", "0"}}, doc));
}

TEST_CASE("live filter: bookkeeping columns filter like fields") {
  const std::string doc = record_with({});
  CHECK(shown({{"id[gte]", "S-7"}, {"id[lt]", "S-8"}}, doc));
  CHECK_FALSE(shown({{"id[ne]", "S-7"}}, doc));
  CHECK(shown({{"version[gt]", "2"}, {"version[lt]", "10"}}, doc));
  CHECK(shown({{"position[lte]", "41"}}, doc));
  CHECK(shown({{"created_at[lt]", "2026-11-23T04:05:06.000001Z"}}, doc));
  CHECK_FALSE(shown({{"updated_at[lte]", "2026-11-24T04:05:06Z"}}, doc));
}

TEST_CASE("live filter: search is folded, looks inside one field at a time and takes no wildcards") {
  const std::string doc = record_with(
      {{"name", R"("\u00C9mile \"100%\"")"}, {"note", "\"a_b \xC4\xB0stanbul\""}, {"branch", "\"secret\""}});
  CHECK(shown({{"search", "emile"}}, doc));
  CHECK(shown({{"search", "E\xCC\x81MILE"}}, doc));
  CHECK(shown({{"search", "100%"}}, doc));
  CHECK(shown({{"search", "\"100"}}, doc));
  CHECK_FALSE(shown({{"search", "1%0"}}, doc));
  CHECK(shown({{"search", "a_b"}}, doc));
  CHECK_FALSE(shown({{"search", "e_ile"}}, doc));
  CHECK_FALSE(shown({{"search", "\\"}}, doc));
  CHECK(shown({{"search", "istanbul"}}, doc));
  CHECK_FALSE(shown({{"search", "secret"}}, doc)); // no field to search
  CHECK_FALSE(shown({{"search", "\"a_b"}}, doc));  // spans two
  CHECK(shown({{"search", "\"\x1F"
                          "a_b"}},
              doc)); // but for who names the separator, as in the table
  CHECK_FALSE(shown({{"search", "null"}}, record_with({})));
  CHECK(shown({{"search", "emile"}, {"branch", "secret"}}, doc));
  CHECK_FALSE(shown({{"search", "emile"}, {"branch", "other"}}, doc));
  CHECK_FALSE(shown({{"search", "nobody"}, {"branch", "secret"}}, doc));
}

TEST_CASE("live filter: a caller of some branches sees their records only, and none without a branch") {
  const std::string north = record_with({{"branch", "\"north\""}}), none = record_with({}),
                    empty = record_with({{"branch", "\"\""}});
  CHECK(shown({}, north, limited_to({"east", "north"})));
  CHECK_FALSE(shown({}, north, limited_to({"east"})));
  CHECK_FALSE(shown({}, north, limited_to({})));
  CHECK_FALSE(shown({}, none, limited_to({"north", ""})));
  CHECK_FALSE(shown({}, empty, limited_to({"north", ""})));
  CHECK_FALSE(shown({}, empty, limited_to({""})));
  CHECK_FALSE(shown({{"branch", "east"}}, north, limited_to({"north"})));
  CHECK_FALSE(shown({{"branch", "north"}}, north, limited_to({"east"})));
  const core::entity homeless = entity_of(
      "homeless",
      R"({"type":"object","additionalProperties":false,"x-revision":1,"x-table":"homeless","x-prefix":"HOM","properties":{"name":{"type":"string"}}})");
  CHECK(filter_of({}, {}, homeless).matches(record_with({}, homeless)));
  CHECK_FALSE(filter_of({}, limited_to({"north"}), homeless).matches(record_with({}, homeless)));
}

TEST_CASE("live filter: what a record of an older definition lacks is null, and its order does not matter") {
  const std::string head =
      R"({"id":"S-1","version":1,"position":1,"created_at":"2026-11-23T04:05:06.000000Z","updated_at":"2026-11-23T04:05:06.000000Z")";
  const std::string doc = head + R"(,"gone":"x","branch":"north","count":7,"data":{"name":"inner"}})";
  CHECK(shown({{"count", "7"}, {"branch", "north"}}, doc));
  CHECK(shown({{"name", ""}, {"count", "7"}}, doc));
  CHECK(shown({{"name[ne]", "inner"}, {"day[ne]", "2026-11-23"}}, doc));
  CHECK_FALSE(shown({{"name", "inner"}}, doc));
  CHECK_FALSE(shown({{"name[ne]", ""}}, doc));
  CHECK_FALSE(shown({{"amount[lt]", "5"}, {"count", "7"}}, doc));
  CHECK_FALSE(shown({{"search", "inner"}}, doc));
  // Kept when the field was of another type: it stands in the column as that column's type writes it.
  CHECK(shown({{"name", "12"}}, head + R"(,"name":12})"));
  CHECK(shown({{"search", "12"}}, head + R"(,"name":12})"));
  CHECK(shown({{"amount[gt]", "9"}, {"amount", "12.5"}}, head + R"(,"amount":"12.50"})"));
  CHECK(shown({{"moment", "2026-11-23T04:05:06Z"}}, head + R"(,"moment":"2026-11-23T05:05:06+01:00"})"));
  CHECK(shown({{"clock", "10:00"}}, head + R"(,"clock":"10:00"})"));
}

TEST_CASE("live filter: a text that is no record matches no question") {
  for (const char* doc : {"", "[]", "{\"name\":\"x\"", "{\"name\"", "{\"note\":\"x\"}trailing"}) {
    INFO(doc);
    CHECK_FALSE(shown({{"name", ""}, {"count", ""}}, doc));
    CHECK_FALSE(shown({{"search", "\x1F"}}, doc));
    CHECK_FALSE(shown({{"search", "y"}}, doc));
  }
}

TEST_CASE("live filter: equal questions have one key, different ones differ") {
  const auto key = [](const parameters& params, const core::scope& caller = {}) {
    return filter_of(params, caller).key();
  };
  CHECK(key({{"name", "a"}, {"name", "b"}, {"flag", "1"}}) ==
        key({{"flag", "true"}, {"name", "b"}, {"name", "a"}}));
  CHECK(key({{"name", "a"}, {"label", "a"}}) == key({{"label", "a"}}));
  CHECK(key({{"search", "\xC3\x84"}}) == key({{"search", "a"}}));
  CHECK(key({{"sort", "-name"}, {"limit", "5"}}) == key({}));
  CHECK(key({}, limited_to({"a", "b", "a", ""})) == key({}, limited_to({"b", "a"})));
  CHECK(key({}, limited_to({})) == key({{"name", "x"}}, limited_to({""})));
  core::scope editor;
  editor.actor = "front-desk";
  editor.role = core::role::editor;
  CHECK(key({}, editor) == key({}));

  const std::vector<std::string> different = {key({}),
                                              key({{"name", "a"}}),
                                              key({{"name", "a"}, {"name", "b"}}),
                                              key({{"name", "a=1:b"}}),
                                              key({{"name", ""}}),
                                              key({{"name", ""}, {"name", "a"}}),
                                              key({{"name[ne]", "a"}}),
                                              key({{"name[ne]", ""}}),
                                              key({{"name[lt]", "a"}}),
                                              key({{"name[lte]", "a"}}),
                                              key({{"branch", "a"}}),
                                              key({{"search", "a"}}),
                                              key({{"search", "a\x1F"}}),
                                              key({}, limited_to({"a"})),
                                              key({}, limited_to({"a", "b"})),
                                              key({}, limited_to({})),
                                              key({{"branch", "b"}}, limited_to({"a"})),
                                              filter_of({}, {},
                                                        entity_of("samples",
                                                                  [] {
                                                                    std::string other = samples_json;
                                                                    return other.replace(
                                                                        other.find("Samples"), 7, "Others!");
                                                                  }()))
                                                  .key()};
  for (std::size_t i = 0; i < different.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      INFO(different[i]);
      CHECK(different[i] != different[j]);
    }
}

TEST_CASE("live filter: it outlives its query, and threads share it") {
  std::optional<list_query> query =
      parse_list_query(samples(), parameters{{"name", "x"}, {"search", "N"}}, {}).value();
  const live_filter filter(*query);
  query.reset();
  const std::string yes = record_with({{"name", "\"x\""}, {"note", "\"snow\""}}),
                    no = record_with({{"name", "\"x\""}, {"note", "\"fog\""}});
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 2'000; ++round)
        if (!filter.matches(yes) || filter.matches(no)) ++wrong;
    });
  for (std::thread& each : threads)
    each.join();
  CHECK(wrong == 0);
}
