// An ordinary table that is to be adopted: its columns, the key by which its rows are read, and its rows,
// page by page, as texts. Nothing of it is changed, and nothing that others put on the login's search_path is
// run. Blocking; one thread at a time.
#pragma once
#include "core/problem.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::projections {

// How a column's text reads as JSON.
enum class cell_kind : std::uint8_t { text, number, boolean, json };

struct source_column {
  std::string name;
  std::string type; // as PostgreSQL names it: "timestamp without time zone"
  cell_kind kind = cell_kind::text;
  bool zoneless = false; // a timestamp without zone: taken as UTC
  std::string operators; // the schema of those that order it
};

struct source_row {
  std::string
      key; // of the whole row, unique: what a rejected one is named by, and an id where no column is one
  std::vector<std::optional<std::string>> cells; // one a column; timestamps as RFC 3339 in UTC
};

class source_table {
 public:
  // `name` as SQL has it (clients, old.clients, "Old Clients"). Rows are read by `key_column`; empty: by the
  // primary key, else by another unique one without NULLs. Looks at the catalogs alone. Problems: bad_request
  // (no such table or column, no unique key), forbidden (a right lacks: which, and the GRANT), and pg's
  // exceptions.
  static core::result<source_table> open(const std::string& conninfo, const std::string& name,
                                         const std::string& key_column);

  const std::string& schema() const { return schema_; }
  const std::string& name() const { return name_; }
  const std::string& owner() const { return owner_; }   // whose code reading it may run
  const std::string& reader() const { return reader_; } // with whose rights
  const std::vector<source_column>& columns() const { return columns_; }
  const std::vector<std::string>& key() const { return key_names_; } // columns
  std::int64_t estimated_rows() const { return estimated_rows_; }    // of the planner; 0 = unknown

  // A key column without a unique index may still name every row. Problem bad_request: it has NULLs or equal
  // values. Reads the table.
  core::result<void> prove_key();

  // The rows behind the last page, at most so many; none at the end.
  std::vector<source_row> next_page(std::size_t max_rows);
  // Reads from the first row again.
  void rewind() { last_key_.clear(); }

 private:
  explicit source_table(const std::string& conninfo) : db_(conninfo, "", "synclog import") {}
  core::result<void> find(const std::string& name);
  core::result<void> check_rights();
  void read_columns();
  core::result<void> choose_key(const std::string& key_column);
  std::string qualified() const;
  std::string behind_sql(std::size_t first) const;
  std::string page_sql(bool first, std::size_t max_rows) const;

  eventstore::pg::plain_connection db_;
  std::string oid_, schema_, name_, owner_, reader_;
  std::int64_t estimated_rows_ = 0;
  std::vector<source_column> columns_;
  std::vector<std::string> key_names_, key_types_, key_operators_;
  std::string unproven_;              // a key column of which no index says that it is unique
  std::vector<std::string> last_key_; // of the last row read, as texts
};

} // namespace synclog::projections
