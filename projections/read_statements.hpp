// A get or a page of a list as SQL: names from the definition, values only as parameters. Equal shapes of
// questions give equal texts, so that they share one prepared statement. Pure.
#pragma once
#include "core/entity.hpp"
#include "core/scope.hpp"
#include "eventstore/pg/types.hpp"
#include "projections/list_query.hpp"
#include <string>
#include <string_view>

namespace synclog::projections {

struct built_query {
  std::string sql;
  eventstore::pg::params values;
};

// -> doc, version; no row when the caller may not see it.
built_query build_get(const core::entity& definition, std::string_view id, const core::scope& caller);

// One column. The first row is the head of the log as a JSON string, "1042-9f3a6c1e"; then at most `rows`
// docs in order.
built_query build_page(const list_query& query, std::size_t rows);

// The page alone, without the head: for EXPLAIN in tests.
built_query build_page_rows(const list_query& query, std::size_t rows);

} // namespace synclog::projections
