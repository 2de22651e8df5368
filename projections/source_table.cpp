// See source_table.hpp. Names come from the catalog and are quoted; values are parameters.
#include "projections/source_table.hpp"

#include "eventstore/pg/sqlstate.hpp"
#include "projections/layout.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

core::problem refuse(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

// The name as SQL reads it, else exactly as it was written. NULL: neither is a relation. The one statement
// that runs under the login's own search_path, where others may have put functions and operators that fit
// better than PostgreSQL's: so all of it is named with its schema.
constexpr const char* resolve_sql = R"(
  SELECT coalesce(pg_catalog.to_regclass($1), pg_catalog.to_regclass(pg_catalog.quote_ident($1)))
         ::pg_catalog.oid::pg_catalog.int8)";

constexpr const char* find_sql = R"(
  SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, c.relkind IN ('r', 'p'),
         pg_get_userbyid(c.relowner), current_user
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::bigint::oid)";

// The catalogs show to everybody what a role may not use. $1 as SQL reads it, with its schema.
constexpr const char* unusable_sql = R"(
  SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ARRAY[n.nspname, c.relname]::text[] = parse_ident($1))";

// Rights that lack, as GRANT spells them.
constexpr const char* rights_sql = R"(
  SELECT current_user::text, quote_ident(current_user),
         has_schema_privilege(n.oid, 'USAGE'),
         has_table_privilege(c.oid, 'SELECT')
           OR NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                          AND NOT a.attisdropped AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')),
         quote_ident(n.nspname), quote_ident(n.nspname) || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)";

// With the schema of the operators by which the type is ordered: that of an extension has its own.
constexpr const char* columns_sql = R"(
  WITH RECURSIVE base(declared, type) AS (
    SELECT DISTINCT a.atttypid, a.atttypid FROM pg_attribute a
    WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.declared, d.typbasetype FROM base b JOIN pg_type d ON d.oid = b.type AND d.typtype = 'd'
  )
  SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typcategory, t.typname, t.typtype,
         coalesce((SELECT n.nspname FROM pg_opclass c
                   JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
                   JOIN pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype
                                     AND o.amoprighttype = c.opcintype AND o.amopstrategy = 5
                   JOIN pg_operator p ON p.oid = o.amopopr
                   JOIN pg_namespace n ON n.oid = p.oprnamespace
                   WHERE c.opcintype = t.oid AND c.opcdefault), 'pg_catalog')
  FROM pg_attribute a
  JOIN base b ON b.declared = a.atttypid
  JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
  WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)";

// Unique keys that name every row: the primary key first, then those of the fewest columns.
constexpr const char* keys_sql = R"(
  SELECT (SELECT string_agg(a.attname, E'\x01' ORDER BY k.ordinal)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ordinal)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE k.ordinal <= i.indnkeyatts) AS columns
  FROM pg_index i
  WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ordinal)
                    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                    WHERE k.ordinal <= i.indnkeyatts AND NOT a.attnotnull)
  ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid)";

constexpr char between_names = '\x01';

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(between_names, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

source_column column_of(const pg::rows& rows, int row) {
  source_column made;
  made.name = rows.text(row, 0);
  made.type = rows.text(row, 1);
  const auto category = rows.text(row, 2), base = rows.text(row, 3), sort = rows.text(row, 4);
  if (base == "json" || base == "jsonb" || category == "A" || sort == "c")
    made.kind = cell_kind::json;
  else if (base == "int2" || base == "int4" || base == "int8" || base == "numeric" || base == "float4" ||
           base == "float8")
    made.kind = cell_kind::number;
  else if (base == "bool")
    made.kind = cell_kind::boolean;
  made.zoneless = base == "timestamp";
  made.operators = rows.text(row, 5);
  return made;
}

// The column as text. Moments that RFC 3339 cannot say (infinity, before Christ) stay as PostgreSQL writes
// them: then the field's own rules refuse them.
std::string cell_sql(const source_column& column) {
  const std::string name = "t." + quote_identifier(column.name);
  if (column.zoneless)
    return "CASE WHEN isfinite(" + name + ") AND " + name + " >= '0001-01-01' THEN to_char(" + name +
           ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE " + name + "::text END";
  if (column.type.starts_with("timestamp"))
    return "CASE WHEN isfinite(" + name + ") AND " + name + " >= '0001-01-01Z' THEN to_char(" + name +
           " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE " + name + "::text END";
  if (column.kind == cell_kind::json && column.type != "json" && column.type != "jsonb")
    return "to_json(" + name + ")::text";
  return name + "::text";
}

// The values of a key as one text that no other key has.
std::string joined(const std::vector<std::string>& values) {
  if (values.size() == 1) return values.front();
  std::string made;
  for (const auto& value : values) {
    if (&value != &values.front()) made += ':';
    for (const char c : value)
      made += c == ':' ? "%3A" : c == '%' ? "%25" : std::string(1, c);
  }
  return made;
}

} // namespace

core::result<source_table> source_table::open(const std::string& conninfo, const std::string& name,
                                              const std::string& key_column) {
  source_table made(conninfo);
  made.db_.run("SET default_transaction_read_only = on");
  // A row that row security hides is an error, not a row less.
  made.db_.run("SET row_security = off");
  if (auto found = made.find(name); !found) return found.error();
  if (auto allowed = made.check_rights(); !allowed) return allowed.error();
  made.read_columns();
  if (auto chosen = made.choose_key(key_column); !chosen) return chosen.error();
  return made;
}

core::result<void> source_table::find(const std::string& name) {
  const auto missing = [&name] { return refuse(fmt::format("there is no table {}", name)); };
  bool is_closed = false;
  try {
    const auto resolved = db_.run(resolve_sql, {name});
    if (!resolved.is_null(0, 0)) oid_ = resolved.text(0, 0);
  } catch (const pg::query_failed& failed) {
    is_closed = pg::classify(failed.info().sqlstate) == pg::meaning::not_allowed; // else it is no name at all
  }
  // From here on nothing is found that others may have planted: this login may be the owner's.
  db_.run("SET search_path = pg_catalog");
  if (is_closed) {
    const auto closed = db_.run(unusable_sql, {name});
    if (closed.size() == 0) return missing();
    schema_ = closed.text(0, 0);
    name_ = closed.text(0, 1);
    if (auto allowed = check_rights(); !allowed) return allowed.error();
    return missing(); // its rights have just been given
  }
  if (oid_.empty()) return missing();
  const auto found = db_.run(find_sql, {oid_});
  if (found.size() == 0) return missing();
  schema_ = found.text(0, 0);
  name_ = found.text(0, 1);
  estimated_rows_ = found.int8(0, 2);
  if (!found.boolean(0, 3)) return refuse(fmt::format("{} is no table", name));
  owner_ = found.text(0, 4);
  reader_ = found.text(0, 5);
  return {};
}

core::result<void> source_table::check_rights() {
  const auto found = db_.run(rights_sql, {schema_, name_});
  if (found.size() == 0) return refuse(fmt::format("there is no table {}.{}", schema_, name_));
  std::string lacks, grants;
  const auto need = [&](std::string_view right, std::string_view what) {
    lacks += fmt::format("{}{} on {}", lacks.empty() ? "" : " and ", right, what);
    grants += fmt::format(" GRANT {} ON {}{} TO {};", right, right == "USAGE" ? "SCHEMA " : "", what,
                          found.text(0, 1));
  };
  if (!found.boolean(0, 2)) need("USAGE", found.text(0, 4));
  if (!found.boolean(0, 3)) need("SELECT", found.text(0, 5));
  if (lacks.empty()) return {};
  auto why = refuse(fmt::format("role {} lacks {}; whoever owns it, or a superuser, mends it:{}",
                                found.text(0, 0), lacks, grants));
  why.code = core::problem_code::forbidden;
  return why;
}

void source_table::read_columns() {
  const auto found = db_.run(columns_sql, {oid_});
  for (int row = 0; row < found.size(); ++row)
    columns_.push_back(column_of(found, row));
}

core::result<void> source_table::choose_key(const std::string& key_column) {
  const auto keys = db_.run(keys_sql, {oid_});
  std::optional<std::vector<std::string>> chosen;
  for (int row = 0; row < keys.size() && !chosen; ++row) {
    auto names = split(keys.text(row, 0));
    if (key_column.empty() || names == std::vector<std::string>{key_column}) chosen = std::move(names);
  }
  if (!chosen && key_column.empty())
    return refuse(
        fmt::format("{} has no primary key and no other unique key without NULLs; name a column that "
                    "tells its rows apart with --id-column",
                    name_));
  if (!chosen) unproven_ = key_column;
  key_names_ = chosen.value_or(std::vector<std::string>{key_column});
  for (const auto& name : key_names_) {
    const auto column = std::find_if(columns_.begin(), columns_.end(),
                                     [&](const source_column& each) { return each.name == name; });
    if (column == columns_.end()) return refuse(fmt::format("{} has no column {}", name_, name));
    key_types_.push_back(column->type);
    key_operators_.push_back(column->operators);
  }
  return {};
}

core::result<void> source_table::prove_key() {
  if (unproven_.empty()) return {};
  const auto column = "t." + quote_identifier(unproven_);
  const auto empty =
      db_.run("SELECT EXISTS (SELECT FROM " + qualified() + " t WHERE " + column + " IS NULL)");
  if (empty.boolean(0, 0)) return refuse(fmt::format("{} is NULL in some rows of {}", unproven_, name_));
  const auto twice = db_.run("SELECT " + column + "::text FROM " + qualified() + " t GROUP BY " + column +
                             " HAVING count(*) > 1 LIMIT 1");
  if (twice.size() > 0)
    return refuse(fmt::format("{} is {} in more than one row of {}", unproven_, twice.text(0, 0), name_));
  return {};
}

std::string source_table::qualified() const {
  return quote_identifier(schema_) + "." + quote_identifier(name_);
}

// The rows behind the last key from column `first` on, by the operators that ORDER BY goes by. Of one schema
// they compare as one row, which an index answers.
std::string source_table::behind_sql(std::size_t first) const {
  const auto with = [](char sign, const std::string& schema) {
    return fmt::format(" OPERATOR({}.{}) ", quote_identifier(schema), sign);
  };
  const auto& schema = key_operators_.at(first);
  std::string columns, values;
  for (std::size_t index = first; index < key_names_.size(); ++index) {
    const std::string separator = index == first ? "" : ", ";
    columns += separator + "t." + quote_identifier(key_names_[index]);
    values += fmt::format("{}${}::{}", separator, index + 1, key_types_[index]);
  }
  const auto is_of_it = [&schema](const std::string& other) { return other == schema; };
  if (std::all_of(key_operators_.begin() + static_cast<std::ptrdiff_t>(first), key_operators_.end(),
                  is_of_it))
    return "ROW(" + columns + ")" + with('>', schema) + "ROW(" + values + ")";
  const auto column = "t." + quote_identifier(key_names_[first]);
  const auto value = fmt::format("${}::{}", first + 1, key_types_[first]);
  return "(" + column + with('>', schema) + value + " OR " + column + with('=', schema) + value + " AND " +
         behind_sql(first + 1) + ")";
}

std::string source_table::page_sql(bool first, std::size_t max_rows) const {
  std::string selected, order;
  for (const auto& name : key_names_) {
    const std::string separator = order.empty() ? "" : ", ";
    const auto column = "t." + quote_identifier(name);
    selected += separator + column + "::text";
    order += separator + column;
  }
  for (const auto& column : columns_)
    selected += ", " + cell_sql(column);
  return "SELECT " + selected + " FROM " + qualified() + " t" + (first ? "" : " WHERE " + behind_sql(0)) +
         " ORDER BY " + order + " LIMIT " + std::to_string(max_rows);
}

std::vector<source_row> source_table::next_page(std::size_t max_rows) {
  const std::vector<std::optional<std::string>> values(last_key_.begin(), last_key_.end());
  const auto rows = db_.run(page_sql(last_key_.empty(), max_rows), values);
  std::vector<source_row> page;
  for (int row = 0; row < rows.size(); ++row) {
    last_key_.clear();
    int column = 0;
    for (std::size_t index = 0; index < key_names_.size(); ++index)
      last_key_.emplace_back(rows.text(row, column++));
    auto& read = page.emplace_back();
    read.key = joined(last_key_);
    for (std::size_t index = 0; index < columns_.size(); ++index, ++column)
      read.cells.push_back(rows.is_null(row, column) ? std::nullopt
                                                     : std::optional(std::string(rows.text(row, column))));
  }
  return page;
}

} // namespace synclog::projections
