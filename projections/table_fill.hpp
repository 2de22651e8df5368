// Builds a read table from the log: the fold of an entity, in pages, written by COPY. Blocking; the caller's
// transaction holds the head lock, so the log stands still.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <string>

namespace synclog::projections {

// Creates the table under `table_name`, fills it, then adds constraints and indexes. Returns its rows. Throws
// pg's exceptions, or std::runtime_error when an event holds no record.
std::int64_t build_table(eventstore::pg::plain_connection& db, const core::entity& definition,
                         const std::string& table_name);

// Records whose last event is no delete: what a complete read table holds.
std::int64_t count_live_records(eventstore::pg::plain_connection& db, const core::entity& definition);

} // namespace synclog::projections
