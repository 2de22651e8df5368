// Reads the search texts of a read table for the search index: in stretches of the table's blocks, one after
// the other, so that no statement holds a snapshot for long and the disk is read in order. Private to
// projections.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/column_block.hpp"
#include "projections/order_prefix.hpp"
#include <boost/asio/awaitable.hpp>
#include <string>

namespace synclog::projections {

// The first column of the entity's default order: by it the index can say which records come first.
core::column_ref order_column_of(const core::entity& definition);

// Its prefix in the first row of a block.
order_prefix key_of_row(const column_block& block, const core::column_ref& column);

class table_stretches {
 public:
  table_stretches(const core::entity& definition, const core::column_ref& key);

  // How many blocks there are now. Rows that are written later, also into these blocks, are somebody else's
  // to know. Throws pg::unavailable and its kin, as all of these.
  boost::asio::awaitable<void> open(eventstore::pg::pool& from, eventstore::pg::deadline until);
  bool is_done() const { return next_block_ >= blocks_; }
  // id, search_text, key
  boost::asio::awaitable<eventstore::pg::rows> next(eventstore::pg::pool& from,
                                                    eventstore::pg::deadline until);
  // False when the table was replaced or rewritten since open(): rows may have moved past the reader.
  boost::asio::awaitable<bool> is_whole(eventstore::pg::pool& from, eventstore::pg::deadline until);

 private:
  std::string table_, select_, look_;
  std::string identity_; // of the file that the table is in
  std::int64_t next_block_ = 0, blocks_ = 0;
};
order_prefix key_of_stretch(const eventstore::pg::rows& found, int row, const core::column_ref& column);

} // namespace synclog::projections
