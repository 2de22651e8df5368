// A list request as api.md has it: filters, ranges, search, sort, limit and cursor, parsed against a definition.
// Unknown parameters are refused and the known ones named. No SQL here; record_reader turns it into statements.
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

enum class comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

struct list_filter {
  core::column_ref column;
  comparison op = comparison::equal;
  std::vector<std::string> values;  // canonical plain text; equal: any of them; others: exactly one
};

struct list_query {
  const core::entity* definition = nullptr;
  std::vector<list_filter> filters;
  std::string search;                    // folded; "" = none
  std::vector<core::order_key> order;    // never empty; ends with id
  std::optional<std::size_t> limit;      // 1-10,000
  std::vector<std::optional<std::string>> after;  // decoded page cursor: one value per order key (nullopt = SQL NULL); empty = from the start
  core::scope caller;
  std::string canonical;                 // normalised text of the query without the cursor: for ETags
};

// `params` are decoded query parameters in order, without those that the handler takes itself (`id`, `at`, `after`).
core::result<list_query> parse_list_query(const core::entity& definition,
                                          std::span<const std::pair<std::string, std::string>> params, const core::scope& caller);

// The opaque page cursor for Link rel=next: made from the last row's order values; bound to `canonical` (another query's cursor is refused).
std::string encode_page_cursor(const list_query& query, const std::vector<std::optional<std::string>>& last_values);

}  // namespace synclog::projections
