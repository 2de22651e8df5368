// Lookups are planned while the table may still be small and the plan is then kept while it grows: the append
// switches sequential scans off before it runs them (see read_table.cpp), and LATERAL … LIMIT 1 leaves only
// lookups by an index.
#include "projections/write_statements.hpp"
#include "projections/layout.hpp"
#include <vector>

namespace synclog::projections {

namespace {

struct array_column {
  std::string name;    // quoted
  std::string element; // type of the array's elements as sent
  std::string cast;    // "" = as sent
};

std::vector<array_column> array_columns(const core::entity& definition) {
  std::vector<array_column> columns = {{"id", "text", ""},
                                       {"version", "bigint", ""},
                                       {"position", "bigint", ""},
                                       {"created_at", "timestamptz", ""},
                                       {"updated_at", "timestamptz", ""}};
  for (const core::field& field : definition.fields) {
    array_column column{quote_identifier(field.name), "text", ""};
    if (!is_ordered(field.type))
      column.element = "json";
    else if (field.type != core::field_type::text)
      column.cast = "::" + std::string(type_name(field.type));
    columns.push_back(std::move(column));
  }
  if (!definition.search_fields.empty()) columns.push_back({"search_text", "text", ""});
  columns.push_back({"doc", "json", ""});
  return columns;
}

std::string on_conflict(const core::entity& definition) {
  std::string updates;
  for (const array_column& column : array_columns(definition))
    if (column.name != "id")
      updates += (updates.empty() ? "" : ", ") + column.name + " = excluded." + column.name;
  return " ON CONFLICT (id) DO UPDATE SET " + updates;
}

} // namespace

std::string insert_sql(const core::entity& definition, std::string_view table_name) {
  std::string names, selected, arrays, aliases;
  std::size_t number = 0;
  for (const array_column& column : array_columns(definition)) {
    const std::string digits = std::to_string(++number);
    const std::string separator = number == 1 ? "" : ", ";
    names += separator + column.name;
    selected += separator + "u.c" + digits + column.cast;
    arrays += separator + "$" + digits + "::" + column.element + "[]";
    aliases += separator + "c" + digits;
  }
  return "INSERT INTO " + qualified_table(table_name) + " (" + names + ") SELECT " + selected +
         " FROM unnest(" + arrays + ") AS u(" + aliases + ")";
}

std::string upsert_sql(const core::entity& definition, std::string_view table_name) {
  return insert_sql(definition, table_name) + on_conflict(definition);
}

std::string insert_one_sql(const core::entity& definition, std::string_view table_name) {
  std::string names, values;
  std::size_t number = 0;
  for (const array_column& column : array_columns(definition)) {
    const std::string separator = number == 0 ? "" : ", ";
    names += separator + column.name;
    values += separator + "$" + std::to_string(++number) + "::" + column.element + column.cast;
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
