// Three ways, by what the pass over the texts finds. A term that many records have is in the first of any
// order: the table is read in the list's order up to a bound. Else the candidates are looked up, the first of
// the order first, and more of them when filters leave too few. What neither can tell goes to the table.
#include "projections/search_pages.hpp"
#include "projections/page_rows.hpp"
#include "projections/read_statements.hpp"
#include "projections/search_load.hpp"
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using direction = search_request::direction;

namespace {

constexpr std::size_t growth = 8;
constexpr std::size_t most_window = 32'768;
// So long a search looks through texts before others have their turn.
constexpr std::chrono::microseconds turn{500};

asio::awaitable<void> run_to_end(search_scan& scan) {
  const auto executor = co_await asio::this_coro::executor;
  auto began = std::chrono::steady_clock::now();
  while (scan.step()) {
    if (std::chrono::steady_clock::now() - began < turn) continue;
    co_await asio::post(executor, asio::use_awaitable);
    began = std::chrono::steady_clock::now();
  }
}

// The key by which the candidates are in the list's order, where they can be.
direction direction_of(const list_query& query) {
  const core::order_key& first = query.order.front();
  if (first.column.name != order_column_of(*query.definition).name) return direction::none;
  return first.descending ? direction::descending : direction::ascending;
}

// The ids of records with equal keys are in order when nothing else stands between.
search_request::equal_keys ties_of(const list_query& query) {
  const core::order_key& first = query.order.front();
  const core::order_key& last = query.order.back();
  const bool by_id =
      query.order.size() == 1 ||
      (query.order.size() == 2 && is_whole_value(first.column.type) && first.descending == last.descending);
  return by_id ? search_request::equal_keys::by_id : search_request::equal_keys::in_any_order;
}

std::size_t rows_behind_head(const pg::rows& found) {
  return found.size() == 0 ? 0 : static_cast<std::size_t>(found.size() - 1);
}

} // namespace

struct search_pages::question {
  const list_query* query = nullptr;
  std::size_t wanted = 0, rows = 0;
  core::cursor complete_to;
  direction order = direction::none;
  pg::deadline until;

  // Where a row stands, by its values of the query's order.
  search_place place_of(const std::vector<std::optional<std::string>>& values) const {
    std::optional<std::string_view> first;
    if (values.front()) first = *values.front();
    return {prefix_of(query->order.front().column.type, first), values.back().value_or("")}; // id is the last
  }
  // Of the rows behind the head, in order, those before the cut.
  std::size_t rows_before(const pg::rows& found, const search_scan& scan, const search_place& cut) const {
    std::size_t from = 0, end = rows_behind_head(found);
    while (from < end) {
      const std::size_t middle = from + (end - from) / 2;
      const search_place row = place_of(order_values(*query, found.text(static_cast<int>(middle + 1), 0)));
      if (scan.is_before(row.key, row.id, cut))
        from = middle + 1;
      else
        end = middle;
    }
    return from;
  }
};

asio::awaitable<std::optional<list_page>> search_pages::first_of_order(const question& asked,
                                                                       const search_scan& common) {
  // Twice as far as the term's share makes likely: one that fails should not have cost much.
  const std::size_t likely = 2 * asked.rows * common.looked_at() / std::max<std::uint64_t>(common.found(), 1);
  const std::size_t window = scaled_up(std::clamp(likely, texts_.tuning().least_window, most_window));
  built_query built = build_ordered_search(*asked.query, asked.rows, window);
  auto prepared = statements_.find_or_make(std::move(built.sql));
  pg::rows found = co_await run_statement(reads_, std::move(prepared), std::move(built.values), asked.until);
  const std::size_t available = rows_behind_head(found);
  if (available > 0 && found.is_null(static_cast<int>(available), 0))
    co_return std::nullopt; // more lie behind
  co_return page_of(*asked.query, std::move(found), available, asked.wanted);
}

asio::awaitable<pg::rows> search_pages::candidate_rows(const question& asked, const search_scan& found,
                                                       std::size_t count) {
  std::vector<std::string_view> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(found.id(found.candidates()[i]));
  built_query built = build_candidate_search(*asked.query, asked.rows, ids, asked.complete_to);
  auto prepared = statements_.find_or_make(std::move(built.sql));
  co_return co_await run_statement(reads_, std::move(prepared), std::move(built.values), asked.until);
}

asio::awaitable<std::optional<list_page>> search_pages::among_candidates(const question& asked,
                                                                         const search_scan& found) {
  const auto& all = found.candidates();
  const bool in_order = asked.order != direction::none;
  if (!in_order && found.cut()) co_return std::nullopt; // too many, and any of them may be the first
  const std::size_t first = std::max(texts_.tuning().first_candidates, 2 * asked.rows);
  for (std::size_t most = in_order ? first : all.size();; most *= growth) {
    std::optional<search_place> cut = found.cut();
    std::size_t count = std::min(most, all.size());
    if (count < all.size()) {
      cut = found.place(all[count]);
      while (count > 0 && !found.is_before(all[count - 1].key, found.id(all[count - 1]), *cut))
        --count; // what stands beside the first one that is left out
    }
    if (count > 0 || !cut) {
      pg::rows rows = co_await candidate_rows(asked, found, count);
      // The log or the table is not what memory was made of.
      if (rows.size() == 0 || rows.is_null(0, 0)) co_return std::nullopt;
      const std::size_t available = cut ? asked.rows_before(rows, found, *cut) : rows_behind_head(rows);
      if (!cut || available > asked.wanted) {
        list_page page = page_of(*asked.query, std::move(rows), available, asked.wanted);
        if (page.head.position.value - asked.complete_to.position.value > max_search_tail)
          co_return std::nullopt; // it has run away from memory
        co_return std::move(page);
      }
    }
    if (most >= all.size()) co_return std::nullopt; // filters leave too few of the first ones
  }
}

asio::awaitable<std::optional<list_page>> search_pages::page(const list_query& query, std::size_t wanted,
                                                             std::size_t rows, pg::deadline until) {
  auto held = texts_.open(*query.definition);
  if (!held) {
    texts_.count(search_index::answer::table);
    co_return std::nullopt;
  }
  question asked{&query, wanted, rows, held->complete_to, direction_of(query), until};
  search_request request;
  request.term = query.search;
  request.order = asked.order;
  request.most = std::max(texts_.tuning().most_candidates, 4 * rows);
  request.ties = ties_of(query);
  if (asked.order != direction::none) {
    request.common_count = texts_.tuning().common_count;
    if (!query.after.empty()) request.from = asked.place_of(query.after);
  }
  search_scan scan(std::move(held->texts), std::move(request));
  co_await run_to_end(scan);
  std::optional<list_page> found;
  if (scan.is_common()) {
    found = co_await first_of_order(asked, scan);
    if (found) {
      texts_.count(search_index::answer::ordered);
      co_return found;
    }
    scan.go_on();
    co_await run_to_end(scan);
  }
  found = co_await among_candidates(asked, scan);
  texts_.count(found ? search_index::answer::candidates : search_index::answer::table);
  co_return found;
}

} // namespace synclog::projections
