// How many records of an entity each branch has. Read page by page along the ids, so that no snapshot is held
// for long: beside writes the numbers are of about now. Thread-safe: all state is in the pool.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/pool.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <string>

namespace synclog::projections {

// "" = records without a branch, or of an entity that has none.
using branch_counts = std::map<std::string, std::int64_t>;

// Reads the whole read table. Throws eventstore::pg::unavailable and its kin.
boost::asio::awaitable<branch_counts>
count_by_branch(eventstore::pg::pool& reads, const core::entity& definition, eventstore::pg::deadline until);

} // namespace synclog::projections
