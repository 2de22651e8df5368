// Reads records from the read tables: one by id, and lists page by page. `doc` bytes pass through untouched.
// Thread-safe: any executor may call.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/list_query.hpp"
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

struct record_row {
  std::string doc;
  std::int64_t version = 0;
  core::position position; // of the event that made it so
};

// One page of a list. Views point into `rows`.
struct list_page {
  eventstore::pg::rows rows;
  std::vector<std::string_view> docs;
  core::cursor head; // head of the log in this page's snapshot
  bool more = false; // rows lie beyond this page
  std::vector<std::optional<std::string>>
      last_values; // order values of the last row: where the next page starts; empty when !more
};

class search_index;

class record_reader {
 public:
  // `shorts` serves gets and limited lists; `wholes` serves unlimited ones and searches, so that one slow
  // reader blocks nobody.
  // `texts`, which may be missing, is what searches find their candidates in.
  record_reader(eventstore::pg::pool& shorts, eventstore::pg::pool& wholes, const core::catalog& entities,
                search_index* texts = nullptr);
  ~record_reader();

  // Empty when it does not exist or the caller may not see it. Throws pg::unavailable and its kin.
  boost::asio::awaitable<std::optional<record_row>> get(const core::entity& definition, std::string id,
                                                        core::scope caller, eventstore::pg::deadline until);
  // At most `max_rows` rows (1 to max_list_limit) after query.after, or from the start. The caller sizes
  // pages by the row size that it has seen. An unlimited list may get fewer than asked, on a coarse scale, so
  // that its pages share few prepared statements; `more` tells whether it goes on. `query` outlives the call.
  // Throws pg::unavailable and its kin.
  boost::asio::awaitable<list_page> page(const list_query& query, std::size_t max_rows,
                                         eventstore::pg::deadline until);
  // For what takes long beside lists.
  eventstore::pg::pool& whole_reads() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::projections
