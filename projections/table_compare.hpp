// Compares a read table with the fold of the log, row by row and column by column, and tells every difference
// up to a bound: before a rebuilt table takes its place, and for --dry-run. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "projections/column_block.hpp"
#include "projections/latest_events.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::projections {

struct row_difference {
  enum class kind : std::uint8_t { field, missing, extra };
  kind what = kind::field;
  std::string record_id;
  std::string field;                   // kind::field only
  std::optional<std::string> is;       // empty = NULL
  std::optional<std::string> would_be; // what the log says
};

struct table_differences {
  static constexpr std::size_t most_kept = 1'000;

  std::int64_t rows_compared = 0;    // live records
  std::int64_t rows_differing = 0;   // rows, not fields
  std::vector<row_difference> first; // at most most_kept

  void add(const table_differences& other);
};

// Compares one table by one connection. A column that the table lacks holds nothing: NULL.
class table_comparison {
 public:
  table_comparison(eventstore::pg::plain_connection& db, const core::entity& definition,
                   std::string table_name);

  // The next page of a range; log and table are seen in one snapshot. Records whose latest event is behind
  // `complete_to` are left out: the table does not have them yet.
  void compare_page(latest_pages& pages, std::optional<std::int64_t> complete_to, table_differences& out);
  // The records that a span of positions changed; the table is complete to its end.
  void compare_span(position_span span, table_differences& out);

 private:
  struct compared_column {
    std::string name;
    core::field_type type;
    bool in_table = true;
  };
  std::string joined(const std::string& latest) const;
  std::int64_t compare_rows(const eventstore::pg::rows& page, std::optional<std::int64_t> complete_to,
                            table_differences& out);
  void compare_row(const eventstore::pg::rows& page, int row, table_differences& out);
  void find_rows_of_nobody(const eventstore::pg::rows& page, const id_range& covered, table_differences& out);

  eventstore::pg::plain_connection& db_;
  const core::entity& definition_;
  std::string table_;
  std::vector<compared_column> columns_; // beside version, position, created_at, updated_at: fields, search
  column_block block_;
  std::vector<std::optional<std::string_view>> expected_; // scratch
};

} // namespace synclog::projections
