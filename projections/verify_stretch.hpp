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

// A table that awaits its rebuild has search texts of either definition.
enum class search_texts : std::uint8_t { compared, passed_over };

// How much of a stretch is compared.
struct stretch_checks {
  search_texts texts = search_texts::compared;
  // Events recorded later carry the branch that their data has by this definition: those before may have been
  // written by another one. RFC 3339; "" = all of them.
  std::string branches_since;
};

// The columns beside id and doc, in the order in which they are compared.
std::vector<std::pair<std::string, core::field_type>>
compared_columns(const core::entity& definition, search_texts texts = search_texts::compared);

class stretch_verifier {
 public:
  // Of data and rows that one statement answers, and one record more: a stretch may take several.
  static constexpr std::size_t most_page_bytes = 32u << 20;

  stretch_verifier(eventstore::pg::plain_connection& db, const core::entity& definition,
                   stretch_checks checks);

  // Ids behind `after`, up to `upper` or the last. Stops at the first difference.
  stretch_outcome verify(std::string after, const std::optional<std::string>& upper);
  const core::entity& definition() const { return definition_; }

 private:
  using cell = std::optional<std::string_view>; // nullopt = SQL NULL

  void differ(eventstore::difference found);
  std::string page_sql(bool has_upper) const;
  // Returns the id behind which the stretch goes on; empty when it is done.
  std::optional<std::string> verify_page(const std::string& after, const std::optional<std::string>& upper);
  void verify_row(const eventstore::pg::rows& page, int row);
  void report_row(const eventstore::pg::rows& page, int row, const char* kind, const char* why);
  void report_field(const eventstore::pg::rows& page, int row, const std::string& field, std::string stored,
                    std::string computed);
  void compare(const eventstore::pg::rows& page, int row);
  void compare_branch(const eventstore::pg::rows& page, int row);

  eventstore::pg::plain_connection& db_;
  const core::entity& definition_;
  stretch_checks checks_;
  column_block block_;
  std::vector<std::pair<std::string, core::field_type>> compared_; // in the order of the statement
  std::vector<cell> computed_;                                     // beside compared_, for one row
  stretch_outcome outcome_;
};

} // namespace synclog::projections
