// Read tables remember what a log has lost: a row of an event beyond the head proves that the log's tail is
// missing. Blocking.
#pragma once
#include "core/ids.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <optional>
#include <string>

namespace synclog::projections {

struct cut_tail {
  core::position head;       // where the log ends
  core::position newest_row; // of an event that it must have had
  std::string record_id;     // whose row that is
};

// Empty when the table has no such row: of a place beyond the head, and of a version that the log does not
// have (a row whose place alone is wrong was changed by somebody); or when it lacks these columns. One pass
// over the table. Throws eventstore::pg's exceptions.
std::optional<cut_tail> find_cut_tail(eventstore::pg::plain_connection& db, const std::string& entity,
                                      const std::string& table_name);

// "the log ends at 59000, but read table clients has record CLT-50 of position 59992: the log's tail is
// missing"
std::string cut_tail_sentence(const cut_tail& found, const std::string& table_name);

} // namespace synclog::projections
