// Reads synclog.migrations and compares it with the files. Used by one thread.
#include "migrations/applied.hpp"
#include "core/chain.hpp"
#include <charconv>

namespace synclog::migrations {

namespace {

constexpr const char* find_schema = R"sql(
  SELECT to_regnamespace('synclog') IS NOT NULL,
         EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'synclog' AND c.relname = 'migrations'))sql";

constexpr const char* read_rows = R"sql(
  SELECT number, name, encode(checksum, 'hex'),
         to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), applied_by
  FROM synclog.migrations ORDER BY number)sql";

int number_of(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

} // namespace

core::result<applied_state> read_applied(session& database) {
  applied_state found;
  const auto schema = database.query(find_schema);
  if (!schema) {
    return schema.error();
  }
  found.schema_exists = schema->at(0, 0) == "t";
  if (!found.schema_exists) {
    return found;
  }
  if (schema->at(0, 1) != "t") {
    return core::make_problem(
        core::problem_code::precondition_failed,
        database.where() + " has a schema named synclog that synclog did not make; use another database");
  }
  const auto rows = database.query(read_rows);
  if (!rows) {
    return rows.error();
  }
  for (int i = 0; i < rows->rows(); ++i) {
    found.rows.push_back({.number = number_of(rows->at(i, 0)),
                          .name = std::string(rows->at(i, 1)),
                          .checksum = std::string(rows->at(i, 2)),
                          .applied_at = std::string(rows->at(i, 3)),
                          .applied_by = std::string(rows->at(i, 4))});
  }
  return found;
}

core::result<schema_state> compare(const applied_state& applied, const std::vector<migration>& files) {
  if (!applied.schema_exists) {
    return schema_state::empty;
  }
  for (std::size_t i = 0; i < applied.rows.size(); ++i) {
    const applied_row& row = applied.rows[i];
    if (row.number != static_cast<int>(i) + 1) {
      return core::make_problem(core::problem_code::precondition_failed,
                                "the database has migration " + std::to_string(row.number) + " but not " +
                                    std::to_string(i + 1) +
                                    ": it was changed by hand; restore it from a backup");
    }
    if (i < files.size() && row.checksum != core::to_hex(files[i].checksum)) {
      return core::make_problem(
          core::problem_code::precondition_failed,
          "migration " + std::to_string(row.number) + " (" + row.name +
              ") was applied from another text than this program has; use the synclog that made "
              "this database, or a later one");
    }
  }
  if (applied.rows.size() > files.size()) {
    return schema_state::newer;
  }
  return applied.rows.size() < files.size() ? schema_state::older : schema_state::current;
}

} // namespace synclog::migrations
