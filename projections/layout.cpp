// Definition to DDL. Few indexes: each one taxes every append.
#include "projections/layout.hpp"
#include "core/chain.hpp"
#include <algorithm>
#include <set>

namespace synclog::projections {

namespace {

// Raise it when the encoder of columns changes although the DDL stays: every table is then rebuilt.
constexpr std::string_view layout_generation = "synclog read table 2";
constexpr std::size_t max_identifier_bytes = 63; // NAMEDATALEN - 1

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

std::string column_type(core::field_type type) {
  const std::string bare(type_name(type));
  return type == core::field_type::text ? bare + " COLLATE \"C\"" : bare;
}

bool has_unique_field(const core::entity& definition, const std::vector<std::string>& columns) {
  return std::any_of(columns.begin(), columns.end(), [&](const std::string& name) {
    const auto index = definition.field_index(name);
    return name == "id" || (index && definition.fields[*index].unique);
  });
}

// Equality columns, then the order. An order of one direction needs no DESC: the index is read from its other
// end, and an ascending one grows at its right edge.
struct index_shape {
  std::vector<std::string> equal;
  std::vector<core::order_key> order;

  std::string columns() const {
    const bool one_direction = std::all_of(order.begin(), order.end(), [&](const core::order_key& key) {
      return key.descending == order.front().descending;
    });
    std::string out;
    for (const std::string& name : equal)
      out += (out.empty() ? "" : ", ") + quote_identifier(name);
    for (const core::order_key& key : order) {
      if (std::find(equal.begin(), equal.end(), key.column.name) != equal.end()) continue;
      out += (out.empty() ? "" : ", ") + quote_identifier(key.column.name);
      if (key.descending && !one_direction) out += " DESC";
    }
    return out;
  }
};

// A unique constraint (or the primary key) already finds at most one row by its column, so no index begins
// with one.
std::vector<index_shape> wanted_indexes(const core::entity& definition) {
  const std::vector<core::order_key> order = complete_order(definition.default_order);
  std::vector<index_shape> wanted;
  if (!has_unique_field(definition, {order.front().column.name})) wanted.push_back({{}, order});
  for (const std::vector<std::string>& equal : definition.indexes)
    if (!equal.empty() && !has_unique_field(definition, equal)) wanted.push_back({equal, order});
  return wanted;
}

void add_table(const core::entity& definition, const std::string& table, std::vector<std::string>& out) {
  std::string sql = "CREATE TABLE " + table +
                    " (id text COLLATE \"C\" NOT NULL, version bigint NOT NULL, position bigint NOT NULL, "
                    "created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL";
  for (const core::field& field : definition.fields)
    sql += ", " + quote_identifier(field.name) + " " + column_type(field.type);
  if (!definition.search_fields.empty()) sql += ", search_text text COLLATE \"C\"";
  // Room on each page lets an update of columns without an index stay there; statistics follow a growing
  // table closely.
  sql += ", doc json NOT NULL) WITH (fillfactor = 90, autovacuum_analyze_scale_factor = 0.05, "
         "autovacuum_vacuum_scale_factor = 0.1)";
  out.push_back(std::move(sql));
  // A PostgreSQL built without lz4 keeps its default.
  out.push_back(
      "DO $$ BEGIN ALTER TABLE " + table +
      " ALTER COLUMN doc SET COMPRESSION lz4; EXCEPTION WHEN feature_not_supported THEN NULL; END $$");
}

} // namespace

std::string quote_identifier(std::string_view name) {
  return doubled(name, '"');
}

std::string quote_literal(std::string_view text) {
  // Standard-conforming strings are on in every session of ours; a backslash is then a character.
  return doubled(text, '\'');
}

std::string qualified_table(std::string_view table_name) {
  return "public." + quote_identifier(table_name);
}

std::string_view type_name(core::field_type type) {
  switch (type) {
  case core::field_type::text:
    return "text";
  case core::field_type::number:
    return "numeric";
  case core::field_type::integer:
    return "bigint";
  case core::field_type::boolean:
    return "boolean";
  case core::field_type::date:
    return "date";
  case core::field_type::time:
    return "time";
  case core::field_type::timestamp:
    return "timestamptz";
  case core::field_type::object:
  case core::field_type::array:
    return "json";
  }
  core::invariant_broken("a field type without a column type");
}

bool is_ordered(core::field_type type) {
  return type != core::field_type::object && type != core::field_type::array;
}

bool is_nullable(const core::column_ref& column) {
  return column.field_index.has_value();
}

std::vector<core::order_key> complete_order(const std::vector<core::order_key>& keys) {
  std::vector<core::order_key> order;
  for (const core::order_key& key : keys) {
    order.push_back(key);
    if (key.column.name == "id") return order; // what follows cannot matter
  }
  const bool descending = !order.empty() && order.back().descending;
  order.push_back({{"id", core::field_type::text, std::nullopt}, descending});
  return order;
}

std::string object_name(std::string_view table_name, std::string_view middle, std::string_view ending) {
  std::string name = std::string(table_name) + "_";
  if (!middle.empty()) name += std::string(middle) + "_";
  name += ending;
  if (name.size() <= max_identifier_bytes) return name;
  const std::string tail = "_" + core::to_hex(core::sha256(name)).substr(0, 12) + "_" + std::string(ending);
  std::size_t keep = max_identifier_bytes - tail.size();
  while (keep > 0 && (static_cast<unsigned char>(name[keep]) & 0xC0U) == 0x80U)
    --keep; // not inside a character
  return name.substr(0, keep) + tail;
}

table_ddl make_table_ddl(const core::entity& definition, std::string_view table_name) {
  const std::string table = qualified_table(table_name);
  table_ddl ddl;
  add_table(definition, table, ddl.table);
  // A vacuum at its default speed keeps commits waiting for tens of milliseconds: each bit of a page that it
  // writes goes through the write-ahead log first.
  ddl.settings.push_back("ALTER TABLE " + table + " SET (autovacuum_vacuum_cost_delay = 5)");

  const auto add = [&](std::string name, const std::string& sql_before, const std::string& sql_after) {
    ddl.constraints_and_indexes.push_back(sql_before + quote_identifier(name) + sql_after);
    ddl.object_names.push_back(std::move(name));
  };
  const std::string alter = "ALTER TABLE " + table + " ADD CONSTRAINT ";
  const auto add_index = [&](const std::string& kind, const std::string& columns,
                             const std::string& constraint, const std::string& timing, bool is_unique_field) {
    const std::string name = quote_identifier(ddl.object_names.back());
    ddl.indexes.push_back(
        {kind + name + " ON " + table + " (" + columns + ")",
         constraint.empty() ? "" : alter + name + constraint + " USING INDEX " + name + timing,
         is_unique_field, columns});
  };
  add(object_name(table_name, "", "pkey"), alter, " PRIMARY KEY (id)");
  add_index("CREATE UNIQUE INDEX ", quote_identifier("id"), " PRIMARY KEY", "", false);
  for (const core::field& field : definition.fields) {
    if (!field.unique) continue;
    // Checked at the end of each statement (or later, when told so), so that a batch may exchange two values.
    add(object_name(table_name, field.name, "key"), alter,
        " UNIQUE (" + quote_identifier(field.name) + ") DEFERRABLE INITIALLY IMMEDIATE");
    add_index("CREATE UNIQUE INDEX ", quote_identifier(field.name), " UNIQUE",
              " DEFERRABLE INITIALLY IMMEDIATE", true);
  }
  std::set<std::string> made;
  for (const index_shape& shape : wanted_indexes(definition)) {
    const std::string columns = shape.columns();
    if (!made.insert(columns).second) continue;
    std::string middle = "order";
    for (const std::string& name : shape.equal)
      middle += "_" + name;
    add(object_name(table_name, middle, "idx"), "CREATE INDEX ", " ON " + table + " (" + columns + ")");
    add_index("CREATE INDEX ", columns, "", "", false);
  }
  return ddl;
}

core::sha256_digest table_fingerprint(const core::entity& definition) {
  const table_ddl ddl = make_table_ddl(definition, definition.table);
  std::string text(layout_generation);
  for (const std::string& statement : ddl.table)
    text += "\n" + statement;
  for (const std::string& statement : ddl.constraints_and_indexes)
    text += "\n" + statement;
  for (const std::size_t index : definition.search_fields)
    text += "\nsearch " + definition.fields[index].name;
  return core::sha256(text);
}

} // namespace synclog::projections
