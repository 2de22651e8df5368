// Query parameters to list queries: what is taken, what is refused and in which words; page cursors.
#include "projections/list_query.hpp"
#include "projections/nearest_name.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog;
using namespace synclog::projections;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

const core::entity& entity_named(const char* name) {
  static const auto entities = core::catalog::load("");
  REQUIRE(entities.has_value());
  const auto* found = entities->find(name);
  REQUIRE(found != nullptr);
  return *found;
}

list_query accepted(const parameters& params, const char* entity = "clients") {
  auto query = parse_list_query(entity_named(entity), params, {});
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *std::move(query);
}

std::string refused(const parameters& params, const char* entity = "clients") {
  const auto query = parse_list_query(entity_named(entity), params, {});
  REQUIRE_FALSE(query.has_value());
  CHECK(query.error().code == core::problem_code::bad_request);
  return query.error().detail;
}

bool says(const std::string& text, const char* words) {
  return text.find(words) != std::string::npos;
}

} // namespace

TEST_CASE("list query: nothing asked is everything in the default order") {
  const auto query = accepted({});
  CHECK(query.filters.empty());
  REQUIRE(query.order.size() == 2);
  CHECK(query.order[0].column.name == "created_at");
  CHECK(query.order[0].descending);
  CHECK(query.order[1].column.name == "id");
  CHECK(query.order[1].descending);
  CHECK_FALSE(query.limit.has_value());
  CHECK(query.after.empty());
}

TEST_CASE("list query: filters map to columns, repeated ones are any of, empty means none") {
  const auto query =
      accepted({{"reference", "R1"}, {"branch", "b"}, {"branch", "a"}, {"branch", ""}, {"branch", "a"}});
  REQUIRE(query.filters.size() == 2);
  CHECK(query.filters[0].column.name == "branch");
  CHECK(query.filters[0].values == std::vector<std::string>{"", "a", "b"});
  CHECK(query.filters[1].column.name == "reference_number");
  const auto both = accepted({{"entityType", "x"}, {"type", "y"}}, "distributors");
  CHECK(both.filters.size() == 2);
}

TEST_CASE("list query: ranges take filter names, fields, other spellings and bookkeeping columns") {
  const auto query = accepted({{"date[gte]", "2026-11-23T23:00:00Z"},
                               {"date[lt]", "2026-12-01"},
                               {"full_name[ne]", ""},
                               {"fullName[gt]", "M"},
                               {"version[lte]", "3"},
                               {"created_at[gt]", "2026-11-23T04:05:06+01:00"}},
                              "appointments");
  REQUIRE(query.filters.size() == 6);
  CHECK(query.filters[0].column.name == "created_at");
  CHECK(query.filters[0].values.front() == "2026-11-23T03:05:06.000000Z");
  CHECK(query.filters[1].column.name == "date");
  CHECK(query.filters[1].op == comparison::less);
  CHECK(query.filters[2].values.front() == "2026-11-23");
  CHECK(accepted({{"client[ne]", "x"}}, "visits").filters[0].column.name == "client_reference");
}

TEST_CASE("list query: search is folded, sort may name any column but objects, limits stay in their bounds") {
  CHECK(accepted({{"search", "ÄRGER"}}).search == "arger");
  const auto query = accepted({{"sort", "-city,version,fullName"}, {"limit", "10000"}});
  REQUIRE(query.order.size() == 4);
  CHECK(query.order[0].descending);
  CHECK(query.order[2].column.name == "full_name");
  CHECK_FALSE(query.order[3].descending);
  CHECK(query.limit == 10'000);
  CHECK(accepted({{"sort", "id,city"}}).order.size() == 1);
  CHECK(accepted({{"limit", "1"}}).limit == 1);
}

TEST_CASE("list query: what is wrong is refused, named, and the known names are told") {
  const auto unknown = refused({{"barnch", "x"}});
  CHECK(says(unknown, "unknown parameter \"barnch\" (did you mean \"branch\"?)"));
  CHECK(says(unknown, "branch, phone, reference, search, sort, limit, cursor"));
  CHECK(says(refused({{"zzz", "x"}}), "unknown parameter \"zzz\"; known"));
  CHECK(says(refused({{"full_name", "x"}}), "unknown parameter"));
  CHECK(says(refused({{"data[gte]", "x"}}), "data[gte]: there is no column"));
  CHECK(says(refused({{"citty[gte]", "x"}}), "did you mean \"city\"?"));
  CHECK(says(refused({{"city[like]", "x"}}), "gte, gt, lte, lt, ne"));
  CHECK(says(refused({{"city[gte", "x"}}), "unknown parameter"));
  CHECK(says(refused({{"]", "x"}}), "unknown parameter"));
  CHECK(says(refused({{"city[gte]", ""}}), "city[gte]: needs a value"));
  CHECK(says(refused({{"city[gte]", "a"}, {"city[gte]", "b"}}), "given twice"));
  CHECK(says(refused({{"date", "foo"}}, "appointments"), "date: "));
  CHECK(says(refused({{"date", "2026-02-30"}}, "appointments"), "date: "));
  CHECK(says(refused({{"version[gt]", "99999999999999999999"}}), "version[gt]: "));
  CHECK(says(refused({{"created_at[gt]", "yesterday"}}), "created_at[gt]: "));
  for (const char* limit : {"0", "-1", "10001", "", "1x", "1.5", "99999999999999999999", " 5"})
    CHECK(says(refused({{"limit", limit}}), "limit: must be a whole number from 1 to 10000"));
  for (const char* sort : {"", "nope", "-", "data", "city,", "--city", "city,,phone"})
    CHECK(says(refused({{"sort", sort}}), "sort: there is no column"));
  CHECK(says(refused({{"sort", "nope"}}), "known: "));
  CHECK(says(refused({{"sort", "city,-city"}}), "named twice"));
  CHECK(says(refused({{"sort", "city"}, {"sort", "phone"}}), "sort: given twice"));
  CHECK(says(refused({{"search", "a"}, {"search", "b"}}), "search: given twice"));
  CHECK(says(refused({{"limit", "5"}, {"limit", "5"}}), "limit: given twice"));
  CHECK(says(refused({{"branch", "\xff"}}), "no text"));
  CHECK(says(refused({{"branch", std::string("a\0b", 3)}}), "no text"));
  CHECK(says(refused({{"cursor", "x"}}), "cursor: "));
  CHECK(says(refused({{"sort", "full_name,phone,email,gender,date_of_birth,address,city,branch,version"}}),
             "more than 8"));
}

TEST_CASE("list query: equal questions have one canonical text, different ones differ") {
  const auto text = [](const parameters& params) { return accepted(params).canonical; };
  CHECK(text({{"branch", "a"}, {"branch", "b"}, {"phone", "1"}}) ==
        text({{"phone", "1"}, {"branch", "b"}, {"branch", "a"}}));
  CHECK(text({{"sort", "-created_at"}}) == text({}));
  CHECK(text({{"search", "Ä"}}) == text({{"search", "a"}}));
  const std::vector<parameters> different = {{},
                                             {{"branch", "a"}},
                                             {{"branch", "a"}, {"branch", "b"}},
                                             {{"branch", "a=1:b"}},
                                             {{"branch", ""}},
                                             {{"branch[ne]", "a"}},
                                             {{"phone", "a"}},
                                             {{"limit", "5"}},
                                             {{"sort", "created_at"}},
                                             {{"search", "a"}}};
  for (std::size_t i = 0; i < different.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      CHECK(text(different[i]) != text(different[j]));
  CHECK(accepted({}, "visits").canonical != accepted({}, "campaigns").canonical);
}

TEST_CASE("page cursor: any values come back, for the same question only, and a damaged one is refused") {
  const auto seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const parameters params = {{"sort", "city,-date_of_birth,updated_at"}, {"limit", "5"}};
  const auto query = accepted(params);
  for (int round = 0; round < 200; ++round) {
    std::string city;
    for (std::uint64_t i = random() % 20; i > 0; --i)
      city += random() % 3 == 0 ? "é" : std::string(1, static_cast<char>(1 + random() % 126));
    std::vector<std::optional<std::string>> values = {city, "1985-07-14", "2026-11-23T04:05:06.000001Z",
                                                      "CLT-1"};
    if (random() % 2 == 0) values[0].reset();
    if (random() % 2 == 0) values[1].reset();
    const std::string cursor = encode_page_cursor(query, values);
    CHECK(cursor.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    auto again = params;
    again.emplace_back("cursor", cursor);
    CHECK(accepted(again).after == values);
    CHECK(accepted(again).canonical == query.canonical);

    std::string damaged = cursor;
    char& letter = damaged[random() % damaged.size()];
    letter = letter == 'A' ? 'B' : 'A';
    CHECK(says(refused({params[0], params[1], {"cursor", damaged}}), "cursor: "));
    CHECK(says(refused({params[0], params[1], {"cursor", cursor.substr(0, random() % cursor.size())}}),
               "cursor: "));
    CHECK(says(refused({params[0], params[1], {"cursor", cursor + "A"}}), "cursor: "));
    CHECK(says(refused({params[0], {"cursor", cursor}}), "cursor: "));
    CHECK(says(refused({params[0], params[1], {"branch", "b"}, {"cursor", cursor}}), "cursor: "));
  }
  // Well made, but with a value its column cannot hold.
  CHECK(says(refused({params[0],
                      params[1],
                      {"cursor", encode_page_cursor(query, {"x", "no date", "2026-11-23T04:05:06Z", "i"})}}),
             "cursor: "));
  CHECK(says(refused({params[0],
                      params[1],
                      {"cursor", encode_page_cursor(query, {"x", "1985-07-14", std::nullopt, "i"})}}),
             "cursor: "));
}

TEST_CASE("nearest name: close ones are found, far ones are not") {
  const std::vector<std::string> names = {"branch", "status", "entityType"};
  REQUIRE(nearest_name("Brunch", names) != nullptr);
  CHECK(*nearest_name("stauts", names) == "status");
  CHECK(*nearest_name("entity_type", names) == "entityType");
  CHECK(nearest_name("phone", names) == nullptr);
  CHECK(nearest_name("", names) == nullptr);
  CHECK(nearest_name(std::string(1'000, 'a'), names) == nullptr);
}
