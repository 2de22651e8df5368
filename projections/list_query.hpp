// A list request as api.md has it: filters, ranges, search, sort, limit and cursor, parsed against a
// definition. Unknown parameters are refused and the known ones named. No SQL here; record_reader turns it
// into statements.
#pragma once
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "core/scope.hpp"
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace synclog::projections {

inline constexpr std::size_t max_list_limit = 10'000;

enum class comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

// "" among the values (equal and not_equal only) = the record has none there: NULL, and for a text also "".
// not_equal shows the records without a value too, unless it is "" that is excluded.
struct list_filter {
  core::column_ref column;
  comparison op = comparison::equal;
  std::vector<std::string> values; // canonical plain text, sorted; equal: any of them; others: exactly one
};

struct list_query {
  const core::entity* definition = nullptr;
  std::vector<list_filter> filters;
  std::string search; // folded; "" = none
  std::vector<core::order_key>
      order; // never empty; ends with id. Empty values last when ascending, first when descending
  std::optional<std::size_t> limit; // 1-10,000
  std::vector<std::optional<std::string>>
      after; // decoded page cursor: one value per order key (nullopt = SQL NULL); empty = from the start
  core::scope caller;
  std::string
      canonical; // normalised text of the query (with the entity, without caller and cursor): for ETags
};

// What the rows are asked for; it says which parameters are known.
enum class list_use : std::uint8_t { pages, live_query };

// `params` are decoded query parameters in order, without those that the handler takes itself (`id`, `at`,
// `after`). All problems are bad_request and name the parameter.
core::result<list_query> parse_list_query(const core::entity& definition,
                                          std::span<const std::pair<std::string, std::string>> params,
                                          const core::scope& caller, list_use use = list_use::pages);

// The opaque page cursor for Link rel=next: made from the last row's order values; bound to `canonical`
// (another query's cursor is refused).
std::string encode_page_cursor(const list_query& query,
                               const std::vector<std::optional<std::string>>& last_values);

// The inverse: one value per order key, each of its column's type. bad_request when it is not a cursor of
// this query.
core::result<std::vector<std::optional<std::string>>> decode_page_cursor(const list_query& query,
                                                                         std::string_view cursor);

} // namespace synclog::projections
