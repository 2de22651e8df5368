// See standing_columns.hpp.
#include "projections/standing_columns.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/latest_events.hpp"
#include "projections/layout.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

constexpr std::int64_t first_page_rows = 2'000, least_page_rows = 16;

// Whether any row was saved with a value of the field. Texts are looked at before they are parsed.
bool any_row_has(pg::plain_connection& db, const std::string& field, const std::string& table_name) {
  const std::string has = "strpos(p.doc::text, " + quote_literal('"' + field + "\":") +
                          ") > 0 AND coalesce((p.doc -> " + quote_literal(field) +
                          ")::text, 'null') <> 'null'";
  const std::string sql = "SELECT max(p.id), count(*), coalesce(bool_or(" + has +
                          "), false) FROM (SELECT r.id, r.doc FROM " + qualified_table(table_name) +
                          " AS r WHERE r.id > $1 ORDER BY r.id LIMIT $2::bigint) AS p";
  std::string after;
  for (std::int64_t rows = first_page_rows;;) {
    try {
      const pg::rows page = db.run(sql, {after, std::to_string(rows)});
      if (page.boolean(0, 2)) return true;
      if (page.int8(0, 1) < rows) return false;
      after = std::string(page.text(0, 0));
    } catch (const pg::query_failed& failed) {
      // Large records.
      if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out || rows <= least_page_rows) throw;
      rows = std::max(rows / 4, least_page_rows);
    }
  }
}

} // namespace

std::optional<std::string> returning_field(pg::plain_connection& db, const core::entity& before,
                                           const core::entity& definition, const std::string& table_name) {
  std::vector<std::string> coming;
  for (const core::field& field : definition.fields)
    if (!before.field_index(field.name)) coming.push_back(field.name);
  if (coming.empty()) return std::nullopt;
  const std::vector<column_change> changes = column_changes(db, definition, table_name);
  for (const std::string& name : coming) {
    const bool is_added = std::any_of(changes.begin(), changes.end(), [&name](const column_change& one) {
      return one.name == name && !one.is;
    });
    if (!is_added) return name;
  }
  db.run("SELECT set_config('statement_timeout', $1, false)", {std::string(page_timeout)});
  std::optional<std::string> found;
  for (const std::string& name : coming)
    if (!found && any_row_has(db, name, table_name)) found = name;
  db.run("RESET statement_timeout");
  return found;
}

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
