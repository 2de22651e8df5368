// See standing_objects.hpp.
#include "projections/standing_objects.hpp"
#include "projections/layout.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// In the order of the statement below.
enum column : int { name_column, columns_column, primary_column, deferrable_unique_column };

// Whole, valid indexes over plain columns, each with its columns as table_ddl spells them.
constexpr const char* indexes_sql = R"(
  SELECT c.relname, coalesce((
      SELECT string_agg('"' || replace(a.attname::text, '"', '""') || '"'
               || CASE WHEN i.indoption[k.place - 1] & 1 = 1 THEN ' DESC' ELSE '' END, ', ' ORDER BY k.place)
      FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number), ''),
    i.indisprimary AND i.indisunique,
    i.indisunique AND EXISTS (SELECT FROM pg_constraint AS u WHERE u.conindid = i.indexrelid
      AND u.conrelid = i.indrelid AND u.contype = 'u' AND u.condeferrable AND NOT u.condeferred)
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
  WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    AND i.indnkeyatts = i.indnatts)";

} // namespace

std::vector<missing_object> missing_objects(pg::plain_connection& db, const core::entity& definition,
                                            const std::string& table_name, wanted_objects wanted) {
  const pg::rows found = db.run(indexes_sql, {qualified_table(table_name)});
  const table_ddl ddl = make_table_ddl(definition, table_name);
  std::vector<missing_object> missing;
  for (std::size_t i = 0; i < ddl.indexes.size(); ++i) {
    const table_ddl::index& one = ddl.indexes[i];
    const std::string& name = ddl.object_names[i];
    const bool is_constraint = !one.adoption.empty();
    if (wanted == wanted_objects::constraints && !is_constraint) continue;
    bool is_there = false;
    for (int row = 0; row < found.size() && !is_there; ++row) {
      // An index serves under any name; a refused value is told by its constraint's name.
      const bool fits = one.is_unique_field ? found.boolean(row, deferrable_unique_column) &&
                                                  found.text(row, name_column) == name
                                            : !is_constraint || found.boolean(row, primary_column);
      is_there = fits && found.text(row, columns_column) == one.columns;
    }
    if (is_there) continue;
    const char* const kind = one.is_unique_field ? "unique constraint"
                             : is_constraint     ? "primary key"
                                                 : "index";
    missing.push_back({name, fmt::format("its {} {} on {}", kind, name, one.columns)});
  }
  return missing;
}

} // namespace synclog::projections
