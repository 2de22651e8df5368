// A definition's read table: its DDL and its place in the append (upserts, deletes, unique values). An
// event's data, a row's doc and the body of a GET are the same bytes, so the fold is: the last event of a
// record wins, a delete removes the row.
#pragma once
#include "core/entity.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/pg/types.hpp"
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace synclog::projections {

// CREATE TABLE and its indexes, in order. Columns: id, version, position, created_at, updated_at, one typed
// column a field, search_text (hidden from answers; only with search fields), doc. `table_name` lets a
// rebuild make a shadow.
std::vector<std::string> read_table_ddl(const core::entity& definition, const std::string& table_name);

// The definitions and the database contradict each other; what() is a plain sentence for the operator.
// Nothing was changed for that entity.
class preparation_refused : public std::runtime_error {
 public:
  preparation_refused(std::string entity, const std::string& sentence)
      : std::runtime_error(sentence), entity_(std::move(entity)) {}
  const std::string& entity() const { return entity_; }

 private:
  std::string entity_;
};

struct prepared_tables {
  std::vector<std::string> done; // plain sentences of what was done (nothing to do: none)
  // Their tables can be read and written by these definitions, and lack what only a rebuild brings (indexes,
  // search texts, columns gone): rebuild_table() does it while they serve. In the catalog that was prepared.
  std::vector<const core::entity*> pending;
};

// Before serving: records definitions, makes missing tables (filling them from the log when events exist) and
// makes standing ones fit for a changed definition. Where that needs old values (a column's type changes, a
// field becomes unique) the table is rebuilt before this returns, beside other servers. Blocking; works as
// the service role. Throws preparation_refused (a table of that name is not ours; the database holds a higher
// revision of a definition, or another definition of the same revision; old events do not satisfy the
// definition), pg::unavailable or pg::query_failed.
prepared_tables prepare_serving(const std::string& conninfo, const std::string& role,
                                const core::catalog& entities);

// The same, and the rebuilds of what is pending, before it returns. Returns the sentences.
std::vector<std::string> prepare_read_tables(const std::string& conninfo, const std::string& role,
                                             const core::catalog& entities);

// The inline projection over a catalog. Statements are built once, at construction. Thread-safe.
class read_tables final : public eventstore::inline_projection {
 public:
  // `entities` outlives it.
  explicit read_tables(const core::catalog& entities);
  ~read_tables() override;
  void add_probes(eventstore::pg::segment& work,
                  std::span<const eventstore::unique_probe> probes) const override;
  std::size_t read_probes(std::span<const eventstore::pg::rows> results,
                          std::span<const eventstore::unique_probe> probes,
                          std::vector<eventstore::unique_holder>& out) const override;
  void add_writes(eventstore::pg::segment& work,
                  std::span<const eventstore::record_change> changes) const override;
  void add_trust_query(eventstore::pg::segment& work) const override;
  std::vector<const core::entity*> read_distrusted(const eventstore::pg::rows& rows) const override;
  std::string field_of_constraint(std::string_view table, std::string_view constraint) const override;

 private:
  struct table;
  std::vector<std::unique_ptr<table>> tables_;
  const table& table_of(const core::entity& definition) const;
};

} // namespace synclog::projections
