// A get or a page of a list as SQL: names from the definition, values only as parameters. Equal shapes of
// questions give equal texts, so that they share one prepared statement. Pure.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "core/scope.hpp"
#include "eventstore/pg/types.hpp"
#include "projections/list_query.hpp"
#include <cstdint>
#include <span>
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

// A page of a search whose term many records have: only the first `window` records of the list's order that
// pass the other filters are looked at. When they do not fill the page and there are more of them, the last
// row is NULL.
built_query build_ordered_search(const list_query& query, std::size_t rows, std::size_t window);

// A page of a search that looks only at `ids` and at the records of later events: of at most max_search_tail
// positions behind `complete_to`. The first row is the head, or NULL when the log has no such place any more,
// or the read table has been made of another definition: then `ids` mean nothing. When the head is further on
// than the tail reaches, records may be missing.
inline constexpr std::int64_t max_search_tail = 20'000;
built_query build_candidate_search(const list_query& query, std::size_t rows,
                                   std::span<const std::string_view> ids, const core::cursor& complete_to);

// The page alone, without the head: for EXPLAIN in tests.
built_query build_page_rows(const list_query& query, std::size_t rows);

} // namespace synclog::projections
