// The inline projection: one upsert and one delete a table and batch, by array parameters. Called on the
// committer's strand; holds no state but its statements.
#include "projections/read_table.hpp"
#include "core/chain.hpp"
#include "projections/column_block.hpp"
#include "projections/layout.hpp"
#include "projections/write_statements.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// Bounds of one upsert: its arrays are held in memory on both sides.
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

pg::params upsert_values(const core::entity& definition, const column_block& block) {
  pg::params values;
  values.text_array(block.ids());
  values.int8_array(block.versions());
  values.int8_array(block.positions());
  values.timestamptz_array(block.created_at());
  values.timestamptz_array(block.updated_at());
  for (std::size_t i = 0; i < definition.fields.size(); ++i) {
    if (block.has_value(i))
      values.nullable_text_array(block.fields()[i],
                                 is_ordered(definition.fields[i].type) ? pg::oid_text : pg::oid_json);
    else
      values.null();
  }
  if (!definition.search_fields.empty()) values.text_array(block.search_texts());
  values.text_array(block.docs(), pg::oid_json);
  return values;
}

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
  statement_ptr upsert, remove;
  std::vector<statement_ptr> probes;                            // per field; null where it is not unique
  std::vector<std::pair<std::string, std::string>> constraints; // name -> field
  bool has_unique_fields() const { return !constraints.empty(); }
  void add_writes(pg::segment& work, const std::vector<std::string_view>& gone,
                  const std::vector<std::string_view>& docs) const;
};

read_tables::read_tables(const core::catalog& entities) {
  for (const auto& definition : entities.all()) {
    auto made = std::make_unique<table>();
    made->definition = definition.get();
    made->upsert = make_statement("read_table_upsert", upsert_sql(*definition, definition->table));
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

void read_tables::table::add_writes(pg::segment& work, const std::vector<std::string_view>& gone,
                                    const std::vector<std::string_view>& docs) const {
  // Deletes first: what they free may be taken by the upserts.
  if (!gone.empty()) work.add(index_only_lookups());
  for (std::size_t from = 0; from < gone.size(); from += max_rows_a_statement) {
    pg::params ids;
    ids.text_array(std::span(gone).subspan(from, std::min(max_rows_a_statement, gone.size() - from)));
    work.add(remove, std::move(ids));
  }
  if (docs.empty()) return;
  std::vector<pg::params> chunks;
  column_block block(*definition);
  for (const std::string_view doc : docs) {
    if (!block.add(doc)) core::invariant_broken("the append hands over a text that is no record");
    if (block.size() >= max_rows_a_statement || block.bytes() >= max_bytes_a_statement) {
      chunks.push_back(upsert_values(*definition, block));
      block.clear();
    }
  }
  if (block.size() > 0) chunks.push_back(upsert_values(*definition, block));
  // Two rows that exchange a unique value may stand in different statements: then the last one of them
  // checks.
  const bool defer = chunks.size() > 1 && has_unique_fields();
  if (defer) work.add(defer_constraints());
  for (pg::params& chunk : chunks)
    work.add(upsert, std::move(chunk));
  if (defer) work.add(check_constraints());
}

void read_tables::add_writes(pg::segment& work, std::span<const eventstore::record_change> changes) const {
  std::vector<std::string_view> gone, docs;
  std::vector<const core::entity*> done;
  for (const eventstore::record_change& first : changes) {
    if (std::find(done.begin(), done.end(), first.definition) != done.end()) continue;
    done.push_back(first.definition);
    gone.clear();
    docs.clear();
    for (const eventstore::record_change& change : changes) {
      if (change.definition != first.definition) continue;
      if (change.doc.empty())
        gone.push_back(change.id);
      else
        docs.push_back(change.doc);
    }
    table_of(*first.definition).add_writes(work, gone, docs);
  }
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
  all.insert(all.end(), ddl.constraints_and_indexes.begin(), ddl.constraints_and_indexes.end());
  return all;
}

} // namespace synclog::projections
