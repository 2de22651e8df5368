// The columns that a standing read table has beside those that a definition wants, and how it is made fit for
// the definition at once, before its rebuild: what can be done without touching a row. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <optional>
#include <string>
#include <vector>

namespace synclog::projections {

struct column_change {
  std::string name;
  std::optional<std::string> wanted; // type; empty = the definition has no such column
  std::optional<std::string> is;     // type; empty = the table has none
};
// Fields and search_text; the other columns are the same in every read table. In the order of their names.
std::vector<column_change> column_changes(eventstore::pg::plain_connection& db,
                                          const core::entity& definition, const std::string& table_name);

// Whether the column has a unique index of its own.
bool is_unique_column(eventstore::pg::plain_connection& db, const std::string& table_name,
                      const std::string& column);

// The first field that `definition` has and `before`, the adopted one, has not, and for which the table would
// answer otherwise than the log: its column stands from earlier and was not written since, or rows were saved
// with it before it was removed. Empty: none. Looks through all rows, page by page, unless no field comes.
std::optional<std::string> returning_field(eventstore::pg::plain_connection& db, const core::entity& before,
                                           const core::entity& definition, const std::string& table_name);

// Statements after which the table can be read and written by the definition while it is being rebuilt:
// columns that come are added empty, those that go stay and are no longer written, unique values that need be
// so no longer may repeat. Empty when it cannot serve the definition before its rebuild: a column changes its
// type, or a field becomes unique.
std::optional<std::vector<std::string>> fitting_statements(eventstore::pg::plain_connection& db,
                                                           const core::entity& definition,
                                                           const std::string& table_name);

} // namespace synclog::projections
