// The search texts of every entity in memory: loaded from the read tables, then kept in step with the log by
// the feed. Writes pay nothing for it, and what it does not know yet it names: a search takes its candidates
// from here, the records of later events from the log, and asks the read table about each.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/search_store.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>

namespace synclog::projections {

// Where one way of answering begins to be better than another; tests make them small.
struct search_tuning {
  std::size_t least_records = 2'000;    // fewer: the table is searched as quickly
  std::uint64_t common_count = 8'192;   // records that have a term, before it may count as common
  std::size_t first_candidates = 256;   // looked up at once; then more
  std::size_t most_candidates = 16'384; // looked up at all
  std::size_t least_window = 2'048;     // of the table's rows, looked at in the list's order
};

struct search_options {
  // Of all entities together. One that goes over it is not held, and its searches read the table. 0: none is.
  std::size_t max_bytes = std::size_t{1} << 30;
  search_tuning tuning;
};

class search_index {
 public:
  // All of them outlive it. `tables` reads whole tables at the start.
  search_index(boost::asio::any_io_executor executor, eventstore::feed& feed, eventstore::pg::pool& tables,
               const core::catalog& entities, search_options options = {});
  ~search_index();
  search_index(const search_index&) = delete;
  search_index& operator=(const search_index&) = delete;

  // After the feed has started. Loads and follows as owned coroutines, until stop().
  void start();
  boost::asio::awaitable<void> stop();

  // Each record's text as it was at `complete_to` or later; empty while it is not loaded, not held, or too
  // few to matter.
  struct view {
    search_snapshot texts;
    core::cursor complete_to;
  };
  std::optional<view> open(const core::entity& definition) const;
  const search_tuning& tuning() const;

  // How a search was answered: from memory, from the table in its order up to a bound, or from the table.
  enum class answer : std::uint8_t { candidates, ordered, table };
  void count(answer how);

  struct statistics {
    std::size_t bytes = 0, records = 0;
    std::size_t entities = 0, ready = 0, refused = 0; // with search fields; of them loaded; over the bound
    std::int64_t lag_positions = 0;                   // behind the feed's head
    std::uint64_t applied = 0, loads = 0, slices = 0; // events; tables loaded; reads for loading
    std::uint64_t from_candidates = 0, from_order = 0, from_table = 0; // searches
  };
  statistics stats() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::projections
