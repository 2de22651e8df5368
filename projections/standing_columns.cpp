// See standing_columns.hpp.
#include "projections/standing_columns.hpp"
#include "projections/layout.hpp"

namespace synclog::projections {

namespace pg = eventstore::pg;

std::vector<column_change> column_changes(pg::plain_connection& db, const core::entity& definition,
                                          const std::string& table_name) {
  std::string names, types;
  const auto want = [&](std::string_view name, std::string_view type) {
    names += (names.empty() ? "" : ", ") + quote_literal(name);
    types += (types.empty() ? "" : ", ") + quote_literal(type);
  };
  want("id", "text"); // never an empty list
  for (const core::field& field : definition.fields)
    want(field.name, type_name(field.type));
  if (!definition.search_fields.empty()) want("search_text", "text");
  const pg::rows found = db.run(
      "SELECT coalesce(w.name, a.attname::text), w.type, format_type(a.atttypid, NULL) FROM unnest(ARRAY[" +
          names + "]::text[], ARRAY[" + types +
          "]::text[]) AS w(name, type) FULL JOIN (SELECT * FROM pg_attribute WHERE attrelid = "
          "to_regclass($1) AND attnum "
          "> 0 AND NOT attisdropped AND attname NOT IN ('version', 'position', 'created_at', 'updated_at', "
          "'doc')) AS a "
          "ON a.attname = w.name WHERE a.atttypid IS DISTINCT FROM w.type::regtype::oid ORDER BY 1",
      {qualified_table(table_name)});
  std::vector<column_change> changes;
  for (int row = 0; row < found.size(); ++row) {
    column_change& one = changes.emplace_back();
    one.name = found.text(row, 0);
    if (!found.is_null(row, 1)) one.wanted = found.text(row, 1);
    if (!found.is_null(row, 2)) one.is = found.text(row, 2);
  }
  return changes;
}

bool is_unique_column(pg::plain_connection& db, const std::string& table_name, const std::string& column) {
  return db
      .run("SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND "
           "a.attnum = "
           "i.indkey[0] WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indnkeyatts = 1 AND "
           "a.attname = $2)",
           {qualified_table(table_name), column})
      .boolean(0, 0);
}

std::optional<std::vector<std::string>>
fitting_statements(pg::plain_connection& db, const core::entity& definition, const std::string& table_name) {
  const std::string alter = "ALTER TABLE " + qualified_table(table_name);
  std::vector<std::string> statements;
  for (const column_change& one : column_changes(db, definition, table_name)) {
    if (one.wanted && one.is) return std::nullopt;
    if (!one.wanted) continue;
    const std::string collation = *one.wanted == "text" ? " COLLATE \"C\"" : "";
    statements.push_back(alter + " ADD COLUMN " + quote_identifier(one.name) + " " + *one.wanted + collation);
  }
  for (const core::field& field : definition.fields)
    if (field.unique && !is_unique_column(db, table_name, field.name)) return std::nullopt;
  const pg::rows unique =
      db.run("SELECT k.conname, a.attname FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = "
             "k.conrelid AND "
             "a.attnum = k.conkey[1] WHERE k.conrelid = to_regclass($1) AND k.contype = 'u'",
             {qualified_table(table_name)});
  for (int row = 0; row < unique.size(); ++row) {
    const auto index = definition.field_index(unique.text(row, 1));
    if (index && definition.fields[*index].unique) continue;
    statements.push_back(alter + " DROP CONSTRAINT " + quote_identifier(unique.text(row, 0)));
  }
  return statements;
}

} // namespace synclog::projections
