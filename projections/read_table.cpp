// The inline projection: one upsert and one delete a table and batch, of arrays of rows. Called on the
// committer's strand; holds no state but its statements.
#include "projections/read_table.hpp"
#include "core/chain.hpp"
#include "eventstore/pg/row_array.hpp"
#include "projections/column_block.hpp"
#include "projections/layout.hpp"
#include "projections/write_statements.hpp"
#include <algorithm>
#include <set>
#include <utility>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// Bounds of one upsert: its rows, about three times the documents, are held in memory on both sides.
constexpr std::size_t max_rows_a_statement = 2'000;
constexpr std::size_t max_bytes_a_statement = 8u << 20;

using statement_ptr = std::shared_ptr<const pg::statement>;

statement_ptr make_statement(const std::string& what, std::string sql) {
  // The text's hash makes the name unique per text, whatever catalogs a process holds.
  const std::string name = what + "_" + core::to_hex(core::sha256(sql)).substr(0, 16);
  return std::make_shared<const pg::statement>(pg::statement{name, std::move(sql)});
}

const statement_ptr& defer_constraints() {
  static const statement_ptr made = make_statement("read_table_defer", "SET CONSTRAINTS ALL DEFERRED");
  return made;
}

const statement_ptr& check_constraints() {
  static const statement_ptr made = make_statement("read_table_check", "SET CONSTRAINTS ALL IMMEDIATE");
  return made;
}

// A plan that was made while a table was small is kept while the table grows, until statistics are next
// taken; a lookup by sequential scan would then cost every batch a pass over the table.
const statement_ptr& index_only_lookups() {
  static const statement_ptr made = make_statement("read_table_lookups", "SET LOCAL enable_seqscan = off");
  return made;
}

// Columns that a whole, valid, unique index has for itself.
const statement_ptr& unique_columns() {
  static const statement_ptr made = make_statement(
      "read_table_unique_columns",
      "SELECT c.relname::text, a.attname::text FROM pg_catalog.pg_index AS i"
      " JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace"
      " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
      " WHERE c.relname = ANY ($1::text[]) AND i.indisunique AND i.indisvalid AND i.indisready AND "
      "i.indislive"
      " AND i.indnkeyatts = 1 AND i.indpred IS NULL");
  return made;
}

constexpr std::int32_t record_row_attributes = 8; // of synclog.record_row

pg::params row_values(const core::entity& definition, const column_block& block) {
  pg::row_array rows(record_row_attributes);
  std::vector<std::optional<std::string_view>> fields(definition.fields.size());
  for (std::size_t row = 0; row < block.size(); ++row) {
    for (std::size_t i = 0; i < fields.size(); ++i)
      fields[i] = block.fields()[i][row];
    rows.bytes(pg::oid_text, block.ids()[row]).int8(block.versions()[row]).int8(block.positions()[row]);
    rows.timestamptz(block.created_at()[row]).timestamptz(block.updated_at()[row]);
    rows.text_array(fields);
    if (definition.search_fields.empty())
      rows.null(pg::oid_text);
    else
      rows.bytes(pg::oid_text, block.search_texts()[row]);
    rows.bytes(pg::oid_json, block.docs()[row]);
  }
  return std::move(rows).as_parameter();
}

// Of the block's one row. Texts and JSON travel as their bytes: in binary they are the same, and a NUL among
// them is the database's to refuse.
pg::params one_row_values(const core::entity& definition, const column_block& block) {
  pg::params values;
  values.bytea(block.ids().front()).int8(block.versions().front()).int8(block.positions().front());
  values.timestamptz(block.created_at().front()).timestamptz(block.updated_at().front());
  for (std::size_t i = 0; i < definition.fields.size(); ++i) {
    if (const auto& text = block.fields()[i].front())
      values.bytea(*text);
    else
      values.null();
  }
  if (!definition.search_fields.empty()) values.bytea(block.search_texts().front());
  values.bytea(block.docs().front());
  return values;
}

// How rows are written, many a statement or one. Most batches of an idle server are of one record, and an
// array of one costs the database more than its row.
struct row_statements {
  statement_ptr many, one;
};

struct row_chunk {
  pg::params values;
  bool is_one = false;
};

row_chunk chunk_of(const core::entity& definition, const column_block& block) {
  if (block.size() == 1) return {one_row_values(definition, block), true};
  return {row_values(definition, block), false};
}

// The parameters of the statements that write these rows, each within its bounds.
std::vector<row_chunk> chunks_of(const core::entity& definition, const std::vector<std::string_view>& docs) {
  std::vector<row_chunk> chunks;
  column_block block(definition);
  for (const std::string_view doc : docs) {
    if (!block.add(doc)) core::invariant_broken("the append hands over a text that is no record");
    if (block.size() >= max_rows_a_statement || block.bytes() >= max_bytes_a_statement) {
      chunks.push_back(chunk_of(definition, block));
      block.clear();
    }
  }
  if (block.size() > 0) chunks.push_back(chunk_of(definition, block));
  return chunks;
}

// What a batch does to one table.
struct table_changes {
  std::vector<std::string_view> gone;    // ids
  std::vector<std::string_view> changed; // docs of records that existed before, also as deleted ones
  std::vector<std::string_view> fresh;   // docs of records that never existed
};

// The distinct (definition, field) pairs among the probes, in order of appearance, each with the probes that
// ask it.
struct probe_group {
  const core::entity* definition = nullptr;
  std::size_t field_index = 0;
  std::vector<std::size_t> probes;
};

std::vector<probe_group> group_probes(std::span<const eventstore::unique_probe> probes) {
  std::vector<probe_group> groups;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const auto known = std::find_if(groups.begin(), groups.end(), [&](const probe_group& group) {
      return group.definition == probes[i].definition && group.field_index == probes[i].field_index;
    });
    if (known != groups.end())
      known->probes.push_back(i);
    else
      groups.push_back({probes[i].definition, probes[i].field_index, {i}});
  }
  return groups;
}

} // namespace

struct read_tables::table {
  const core::entity* definition = nullptr;
  row_statements insert, upsert;
  statement_ptr remove;
  std::vector<statement_ptr> probes;                            // per field; null where it is not unique
  std::vector<std::pair<std::string, std::string>> constraints; // name -> field
  bool has_unique_fields() const { return !constraints.empty(); }
  void add_writes(pg::segment& work, const table_changes& changes) const;
};

read_tables::read_tables(const core::catalog& entities) {
  for (const auto& definition : entities.all()) {
    auto made = std::make_unique<table>();
    made->definition = definition.get();
    made->insert = {make_statement("read_table_insert", insert_sql(*definition, definition->table)),
                    make_statement("read_table_insert_one", insert_one_sql(*definition, definition->table))};
    made->upsert = {make_statement("read_table_upsert", upsert_sql(*definition, definition->table)),
                    make_statement("read_table_upsert_one", upsert_one_sql(*definition, definition->table))};
    made->remove = make_statement("read_table_delete", delete_sql(definition->table));
    for (const core::field& field : definition->fields) {
      made->probes.push_back(field.unique ? make_statement("read_table_probe", probe_sql(*definition, field))
                                          : nullptr);
      if (field.unique)
        made->constraints.emplace_back(object_name(definition->table, field.name, "key"), field.name);
    }
    tables_.push_back(std::move(made));
  }
}

read_tables::~read_tables() = default;

const read_tables::table& read_tables::table_of(const core::entity& definition) const {
  for (const auto& candidate : tables_)
    if (candidate->definition == &definition || candidate->definition->name == definition.name)
      return *candidate;
  core::invariant_broken("a record of an entity without a read table");
}

void read_tables::add_probes(pg::segment& work, std::span<const eventstore::unique_probe> probes) const {
  if (probes.empty()) return;
  work.add(index_only_lookups());
  std::vector<std::string_view> values;
  for (const probe_group& group : group_probes(probes)) {
    const statement_ptr& statement = table_of(*group.definition).probes[group.field_index];
    if (!statement) core::invariant_broken("a unique value is asked for a field that is not unique");
    values.clear();
    for (const std::size_t probe : group.probes)
      values.push_back(probes[probe].value);
    pg::params asked;
    asked.text_array(values);
    work.add(statement, std::move(asked));
  }
}

std::size_t read_tables::read_probes(std::span<const pg::rows> results,
                                     std::span<const eventstore::unique_probe> probes,
                                     std::vector<eventstore::unique_holder>& out) const {
  if (probes.empty()) return 0;
  const std::vector<probe_group> groups = group_probes(probes);
  if (results.size() <= groups.size()) core::invariant_broken("fewer results than unique-value queries");
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const pg::rows& found = results[1 + g]; // behind the setting
    for (int row = 0; row < found.size(); ++row) {
      const auto ordinal = static_cast<std::size_t>(found.int8(row, 0));
      if (ordinal < 1 || ordinal > groups[g].probes.size())
        core::invariant_broken("a holder of a value nobody asked for");
      eventstore::unique_holder holder;
      holder.probe = groups[g].probes[ordinal - 1];
      holder.state.id = found.text(row, 1);
      holder.state.version = found.int8(row, 2);
      holder.state.position = {found.int8(row, 3)};
      holder.state.live = found.text(row, 4) != core::to_string(core::event_action::deleted);
      if (!found.is_null(row, 5)) holder.state.doc = found.text(row, 5);
      out.push_back(std::move(holder));
    }
  }
  return 1 + groups.size();
}

// What deletes free may be taken by the others, and what changed records give away by fresh ones: hence the
// order.
void read_tables::table::add_writes(pg::segment& work, const table_changes& changes) const {
  if (!changes.gone.empty()) work.add(index_only_lookups());
  for (std::size_t from = 0; from < changes.gone.size(); from += max_rows_a_statement) {
    const std::size_t count = std::min(max_rows_a_statement, changes.gone.size() - from);
    pg::params ids;
    ids.text_array(std::span(changes.gone).subspan(from, count));
    work.add(remove, std::move(ids));
  }
  std::vector<row_chunk> upserts = chunks_of(*definition, changes.changed);
  // Two rows that exchange a unique value may stand in different statements: then the last one of them
  // checks.
  const bool defer = upserts.size() > 1 && has_unique_fields();
  if (defer) work.add(defer_constraints());
  for (row_chunk& chunk : upserts)
    work.add(chunk.is_one ? upsert.one : upsert.many, std::move(chunk.values));
  if (defer) work.add(check_constraints());
  // Measured: without ON CONFLICT a row costs a fifth less.
  for (row_chunk& chunk : chunks_of(*definition, changes.fresh))
    work.add(chunk.is_one ? insert.one : insert.many, std::move(chunk.values));
}

void read_tables::add_writes(pg::segment& work, std::span<const eventstore::record_change> changes) const {
  std::vector<std::pair<const table*, table_changes>> by_table;
  for (const eventstore::record_change& change : changes) {
    const table* const target = &table_of(*change.definition);
    auto found = std::find_if(by_table.begin(), by_table.end(),
                              [&](const auto& each) { return each.first == target; });
    if (found == by_table.end()) found = by_table.insert(by_table.end(), {target, table_changes{}});
    if (change.doc.empty())
      found->second.gone.push_back(change.id);
    else if (is_first_version(change.doc))
      found->second.fresh.push_back(change.doc);
    else
      found->second.changed.push_back(change.doc);
  }
  for (const auto& [written, of_table] : by_table)
    written->add_writes(work, of_table);
}

// A table that awaits its rebuild has the indexes of an earlier definition, and somebody may have dropped
// one.
void read_tables::add_trust_query(pg::segment& work) const {
  std::vector<std::string_view> names;
  for (const auto& each : tables_)
    names.push_back(each->definition->table);
  pg::params asked;
  asked.text_array(names);
  work.add(unique_columns(), std::move(asked));
}

std::vector<const core::entity*> read_tables::read_distrusted(const pg::rows& rows) const {
  std::set<std::pair<std::string_view, std::string_view>> held;
  for (int row = 0; row < rows.size(); ++row)
    held.emplace(rows.text(row, 0), rows.text(row, 1));
  std::vector<const core::entity*> distrusted;
  for (const auto& each : tables_) {
    const auto& fields = each->definition->fields;
    const bool all_held = std::all_of(fields.begin(), fields.end(), [&](const core::field& field) {
      return !field.unique || held.contains({each->definition->table, field.name});
    });
    if (!all_held) distrusted.push_back(each->definition);
  }
  return distrusted;
}

std::string read_tables::field_of_constraint(std::string_view table_name, std::string_view constraint) const {
  for (const auto& candidate : tables_) {
    if (candidate->definition->table != table_name) continue;
    for (const auto& [name, field] : candidate->constraints)
      if (name == constraint) return field;
  }
  return {};
}

std::vector<std::string> read_table_ddl(const core::entity& definition, const std::string& table_name) {
  table_ddl ddl = make_table_ddl(definition, table_name);
  std::vector<std::string> all = std::move(ddl.table);
  all.insert(all.end(), ddl.settings.begin(), ddl.settings.end());
  all.insert(all.end(), ddl.constraints_and_indexes.begin(), ddl.constraints_and_indexes.end());
  return all;
}

} // namespace synclog::projections
