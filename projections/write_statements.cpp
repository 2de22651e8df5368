// Lookups are planned while the table may still be small and the plan is then kept while it grows: the append
// switches sequential scans off before it runs them (see read_table.cpp), and LATERAL … LIMIT 1 leaves only
// lookups by an index.
#include "projections/write_statements.hpp"
#include "projections/layout.hpp"
#include <vector>

namespace synclog::projections {

namespace {

struct written_column {
  std::string name;   // quoted
  std::string of_row; // its value, of a synclog.record_row that is called u
  std::string sent;   // its type as the value of one row is sent
  std::string cast;   // of what is sent; "" = as it is
};

std::vector<written_column> written_columns(const core::entity& definition) {
  std::vector<written_column> columns;
  const auto add_bookkeeping = [&](const char* name, const char* type) {
    columns.push_back({name, std::string("u.") + name, type, ""});
  };
  add_bookkeeping("id", "text");
  add_bookkeeping("version", "bigint");
  add_bookkeeping("position", "bigint");
  add_bookkeeping("created_at", "timestamptz");
  add_bookkeeping("updated_at", "timestamptz");
  std::size_t number = 0;
  for (const core::field& field : definition.fields) {
    written_column column{quote_identifier(field.name), "u.fields[" + std::to_string(++number) + "]", "text",
                          ""};
    if (!is_ordered(field.type))
      column.sent = "json";
    else if (field.type != core::field_type::text)
      column.cast = "::" + std::string(type_name(field.type));
    column.of_row += column.sent == "json" ? "::json" : column.cast;
    columns.push_back(std::move(column));
  }
  if (!definition.search_fields.empty()) add_bookkeeping("search_text", "text");
  add_bookkeeping("doc", "json");
  return columns;
}

std::string on_conflict(const core::entity& definition) {
  std::string updates;
  for (const written_column& column : written_columns(definition))
    if (column.name != "id")
      updates += (updates.empty() ? "" : ", ") + column.name + " = excluded." + column.name;
  return " ON CONFLICT (id) DO UPDATE SET " + updates;
}

} // namespace

std::string insert_sql(const core::entity& definition, std::string_view table_name) {
  std::string names, selected;
  for (const written_column& column : written_columns(definition)) {
    const std::string separator = names.empty() ? "" : ", ";
    names += separator + column.name;
    selected += separator + column.of_row;
  }
  return "INSERT INTO " + qualified_table(table_name) + " (" + names + ") SELECT " + selected +
         " FROM unnest($1::synclog.record_row[]) AS u";
}

std::string upsert_sql(const core::entity& definition, std::string_view table_name) {
  return insert_sql(definition, table_name) + on_conflict(definition);
}

std::string insert_one_sql(const core::entity& definition, std::string_view table_name) {
  std::string names, values;
  std::size_t number = 0;
  for (const written_column& column : written_columns(definition)) {
    const std::string separator = number == 0 ? "" : ", ";
    names += separator + column.name;
    values += separator + "$" + std::to_string(++number) + "::" + column.sent + column.cast;
  }
  return "INSERT INTO " + qualified_table(table_name) + " (" + names + ") VALUES (" + values + ")";
}

std::string upsert_one_sql(const core::entity& definition, std::string_view table_name) {
  return insert_one_sql(definition, table_name) + on_conflict(definition);
}

std::string delete_sql(std::string_view table_name) {
  return "DELETE FROM " + qualified_table(table_name) + " WHERE id = ANY ($1::text[])";
}

std::string probe_sql(const core::entity& definition, const core::field& field) {
  const std::string cast =
      field.type == core::field_type::text ? "" : "::" + std::string(type_name(field.type));
  return "SELECT asked.ordinal, holder.id, latest.version, latest.position, latest.action, latest.data "
         "FROM unnest($1::text[]) WITH ORDINALITY AS asked(value, ordinal) "
         "CROSS JOIN LATERAL (SELECT r.id FROM " +
         qualified_table(definition.table) + " AS r WHERE r." + quote_identifier(field.name) +
         " = asked.value" + cast +
         " LIMIT 1) AS holder "
         "CROSS JOIN LATERAL (SELECT e.version, e.position, e.action, e.data FROM synclog.events AS e WHERE "
         "e.entity = " +
         quote_literal(definition.name) +
         " AND e.record_id = holder.id ORDER BY e.version DESC LIMIT 1) AS latest";
}

} // namespace synclog::projections
