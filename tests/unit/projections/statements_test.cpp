// Questions to SQL: equal shapes share one text, values never enter it, pages are cut into index ranges.
#include "projections/read_statements.hpp"
#include "projections/statement_cache.hpp"
#include "projections/write_statements.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::projections;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

const core::entity& entity_named(const char* name) {
  static const auto entities = core::catalog::load("");
  REQUIRE(entities.has_value());
  return *entities->find(name);
}

list_query parsed(const parameters& params, const char* entity = "clients", const core::scope& caller = {}) {
  auto query = parse_list_query(entity_named(entity), params, caller);
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *std::move(query);
}

std::string sql_of(const parameters& params, const char* entity = "clients", const core::scope& caller = {}) {
  return build_page_rows(parsed(params, entity, caller), 51).sql;
}

std::string after(const char* entity, const parameters& params,
                  std::vector<std::optional<std::string>> values) {
  auto query = parsed(params, entity);
  query.after = std::move(values);
  return build_page_rows(query, 51).sql;
}

} // namespace

TEST_CASE("read statements: values are parameters, shapes are the text") {
  const std::string evil = "'; DROP TABLE clients; --";
  CHECK(sql_of({{"branch", evil}}) == sql_of({{"branch", "x"}}));
  CHECK(sql_of({{"branch", "x"}}) == "SELECT doc FROM public.\"clients\" WHERE \"branch\" = $1::text ORDER "
                                     "BY \"created_at\" DESC, \"id\" DESC LIMIT 51");
  CHECK(sql_of({{"branch", "a"}, {"branch", "b"}}) ==
        sql_of({{"branch", "a"}, {"branch", evil}, {"branch", "c"}}));
  CHECK(sql_of({{"search", evil}}) == sql_of({{"search", "x"}}));
  CHECK(build_page_rows(parsed({{"search", "5%_\\"}}), 1).values.value(0) == std::string("%5\\%\\_\\\\%"));
  CHECK(sql_of({{"date", "2026-11-23"}, {"date", "2026-11-24"}}, "appointments")
            .find("ANY ($1::text[]::date[])") != std::string::npos);
}

TEST_CASE("read statements: the scope is a condition, and callers who may see nothing ask for nothing") {
  core::scope caller;
  caller.all_branches = false;
  CHECK(sql_of({}, "clients", caller).find("WHERE FALSE") != std::string::npos);
  caller.branches = {""};
  CHECK(sql_of({}, "clients", caller).find("WHERE FALSE") != std::string::npos);
  caller.branches = {"a"};
  CHECK(sql_of({}, "stock-requests", caller).find("WHERE \"requesting_branch\" = $1 ") != std::string::npos);
  caller.branches = {"a", "b"};
  CHECK(sql_of({}, "clients", caller).find("\"branch\" = ANY ($1::text[])") != std::string::npos);
  CHECK(build_get(entity_named("clients"), "x", caller).sql ==
        "SELECT doc, version, position FROM public.\"clients\" WHERE id = $1 AND \"branch\" = ANY "
        "($2::text[])");
}

TEST_CASE("read statements: the next page is one row comparison where that tells all, else ranges in turn") {
  const auto one = after("clients", {}, {"2026-11-23T04:05:06.000000Z", "c"});
  CHECK(one.find("UNION") == std::string::npos);
  CHECK(one.find("(\"created_at\", \"id\") < ($1::timestamptz, $2::text)") != std::string::npos);

  const auto named = after("distributors", {}, {"M", "d"});
  CHECK(named.find("(\"distributor_name\", \"id\") > ($1::text, $2::text)") != std::string::npos);
  CHECK(named.find("\"distributor_name\" IS NULL") > named.find("UNION ALL"));
  const auto unnamed = after("distributors", {}, {std::nullopt, "d"});
  CHECK(unnamed.find("\"distributor_name\" IS NULL AND \"id\" > $1::text") != std::string::npos);
  CHECK(unnamed.find("UNION") == std::string::npos);
  const auto backwards = after("distributors", {{"sort", "-distributor_name"}}, {std::nullopt, "d"});
  CHECK(backwards.find("\"distributor_name\" IS NOT NULL") > backwards.find("UNION ALL"));

  const auto mixed =
      after("clients", {{"sort", "-version,created_at"}}, {"3", "2026-11-23T04:05:06.000000Z", "c"});
  CHECK(mixed.find("\"version\" = $1::bigint AND (\"created_at\", \"id\") > ($2::timestamptz, $3::text)") !=
        std::string::npos);
  CHECK(mixed.find("\"version\" < $1::bigint") > mixed.find("UNION ALL"));
}

TEST_CASE("statement cache: one text one name, bounded, and a dropped text comes back under its name") {
  statement_cache cache(2);
  const auto a = cache.find_or_make("a");
  CHECK(cache.find_or_make("a") == a);
  const auto b = cache.find_or_make("b");
  CHECK(a->name != b->name);
  cache.find_or_make("a");
  cache.find_or_make("c");
  CHECK(cache.size() == 2);
  CHECK(cache.find_or_make("a") == a);
  const auto again = cache.find_or_make("b");
  CHECK(again != b);
  CHECK(again->name == b->name);
  CHECK(cache.size() == 2);
}

TEST_CASE("write statements: fields come from one array, cast only where their type needs it") {
  const std::string sql = upsert_sql(entity_named("visits"), "visits");
  CHECK(sql.find("u.fields[3]::date, ") != std::string::npos);
  CHECK(sql.find("u.fields[1], ") != std::string::npos);
  CHECK(sql.find("ON CONFLICT (id) DO UPDATE SET version = excluded.version") != std::string::npos);
  CHECK(sql.find("search_text = excluded.search_text") != std::string::npos);
}

TEST_CASE("read statements: a search among candidates has one text whatever the candidates and the term") {
  const std::vector<std::string_view> few = {"a"}, many = {"'; DROP TABLE clients; --", "b", "c"};
  const core::cursor here{{7}, 0x9f3a6c1e}, there{{1'042}, 1};
  const auto sql = [&](const parameters& params, std::span<const std::string_view> ids,
                       const core::cursor& at) {
    return build_candidate_search(parsed(params), 51, ids, at).sql;
  };
  CHECK(sql({{"search", "x"}}, few, here) == sql({{"search", "y'"}}, many, there));
  CHECK(sql({{"search", "x"}}, few, here) != sql({{"search", "x"}, {"branch", "b"}}, few, here));
  const auto built = build_candidate_search(parsed({{"search", "5%"}, {"branch", "b"}}), 51, few, here);
  CHECK(built.values.value(0) == std::string("b"));
  CHECK(built.values.value(1) == std::string("%5\\%%"));
  CHECK(built.values.value(3) == std::string("7"));
  CHECK(built.values.value(4) == std::string("7-9f3a6c1e"));

  // A cursor's ranges are alternatives here: what was found is sorted anyway.
  auto query = parsed({{"search", "x"}, {"sort", "city"}});
  query.after = {"Wien", "id"};
  CHECK(build_candidate_search(query, 51, few, here).sql.find(") OR (") != std::string::npos);
}

TEST_CASE("read statements: a search in the list's order looks at a bounded part of it") {
  const auto built = build_ordered_search(parsed({{"search", "x"}, {"branch", "b"}}), 51, 2'048);
  CHECK(built.sql.find("LIMIT 2048) AS first WHERE search_text LIKE $2 LIMIT 51) UNION ALL ") !=
        std::string::npos);
  CHECK(built.sql.find("WHERE \"branch\" = $1::text ORDER BY") != std::string::npos);
}
