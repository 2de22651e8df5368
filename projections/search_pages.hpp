// Pages of a search with the help of the texts in memory. What stands on a page is decided by the read table
// alone, in one snapshot; memory only says at which records the table need not look. Private to projections.
#pragma once
#include "eventstore/pg/pool.hpp"
#include "projections/list_query.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"
#include "projections/search_scan.hpp"
#include "projections/statement_cache.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>

namespace synclog::projections {

class search_pages {
 public:
  // All of them outlive it.
  search_pages(search_index& texts, eventstore::pg::pool& reads, statement_cache& statements)
      : texts_(texts), reads_(reads), statements_(statements) {}

  // As record_reader::page, with a page of `rows` rows asked of the table, more than `wanted`. Empty when
  // memory is no help: then the table must be searched. Throws pg::unavailable and its kin.
  boost::asio::awaitable<std::optional<list_page>> page(const list_query& query, std::size_t wanted,
                                                        std::size_t rows, eventstore::pg::deadline until);

 private:
  struct question;
  boost::asio::awaitable<std::optional<list_page>> first_of_order(const question& asked,
                                                                  const search_scan& common);
  boost::asio::awaitable<std::optional<list_page>> among_candidates(const question& asked,
                                                                    const search_scan& found);
  boost::asio::awaitable<eventstore::pg::rows> candidate_rows(const question& asked, const search_scan& found,
                                                              std::size_t count);

  search_index& texts_;
  eventstore::pg::pool& reads_;
  statement_cache& statements_;
};

} // namespace synclog::projections
