// One stretch of a read table against the log: one statement reads the latest event of each record in it
// beside the table's row. What the columns must hold is computed from the event by the same encoder that the
// append uses. Owned by one thread of verify_tables.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/column_block.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::projections {

struct stretch_outcome {
  std::int64_t rows = 0;   // that agree
  std::size_t records = 0; // of the log and the table, live or not
  std::size_t bytes = 0;   // of their data
  std::optional<eventstore::difference> difference;
};

// The columns beside id and doc, in the order in which they are compared.
std::vector<std::pair<std::string, core::field_type>> compared_columns(const core::entity& definition);

class stretch_verifier {
 public:
  stretch_verifier(eventstore::pg::plain_connection& db, const core::entity& definition);

  // Ids behind `after`, up to `upper` or the last. Stops at the first difference.
  stretch_outcome verify(const std::string& after, const std::optional<std::string>& upper);
  const core::entity& definition() const { return definition_; }

 private:
  using cell = std::optional<std::string_view>; // nullopt = SQL NULL

  void differ(eventstore::difference found);
  std::string page_sql(bool has_upper) const;
  void verify_row(const eventstore::pg::rows& page, int row);
  void report_row(const eventstore::pg::rows& page, int row, const char* kind, const char* why);
  void report_field(const eventstore::pg::rows& page, int row, const std::string& field, std::string stored,
                    std::string computed);
  void compare(const eventstore::pg::rows& page, int row);

  eventstore::pg::plain_connection& db_;
  const core::entity& definition_;
  column_block block_;
  std::vector<std::pair<std::string, core::field_type>> compared_; // in the order of the statement
  std::vector<cell> computed_;                                     // beside compared_, for one row
  stretch_outcome outcome_;
};

} // namespace synclog::projections
