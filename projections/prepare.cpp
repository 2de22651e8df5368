// Before serving: definitions are recorded and missing read tables made, in one short transaction an entity
// under the head lock, so that two starting servers take turns. What has to be filled from the log is rebuilt
// beside whoever serves already.
#include "core/chain.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/behind_tables.hpp"
#include "projections/layout.hpp"
#include "projections/read_table.hpp"
#include "projections/rebuild.hpp"
#include "projections/rebuild_checks.hpp"
#include "projections/shadow_table.hpp"
#include "projections/standing_columns.hpp"
#include "projections/table_records.hpp"
#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace synclog::projections {

namespace pg = eventstore::pg;
using namespace std::chrono_literals;

namespace {

// How long to wait for other servers and readers, and how often to come back.
constexpr const char* lock_timeout = "10s";
// Readers wait behind it, and writers behind the head lock; longer than PostgreSQL lets an autovacuum stand
// in the way (deadlock_timeout).
constexpr const char* table_lock_timeout = "1500ms";
constexpr const char* left_over_lock_timeout = "1s";
constexpr int max_attempts = 5;
// For another process that rebuilds the same table.
constexpr auto rebuild_patience = 30min;
constexpr auto look_again = 200ms;

// What is left to do for an entity behind its transaction.
struct outcome {
  std::string done;  // "" = nothing was
  bool fill = false; // the table must be rebuilt before anything is served
  bool was_recorded = false;
  bool pending = false; // it is rebuilt while it serves
};

std::string adopted_sentence(const core::entity& definition, std::int64_t revision_before) {
  if (revision_before == 0) return "";
  return fmt::format("Entity {}: adopted revision {} of its definition (the database held {}).",
                     definition.name, definition.revision, revision_before);
}

// Whether a field comes back that was removed before: the table that stands lacks its old values, which only
// the rebuild brings. Asked before the transaction, because every row may have to be looked at: until this
// definition is adopted nobody saves the field.
bool brings_a_field_back(pg::plain_connection& db, const core::entity& definition) {
  const auto stored = find_definition(db, definition.name);
  const auto table = find_table(db, definition.name);
  if (compare_definitions(stored, definition) != adoption::newer || !table || !table->exists ||
      table->name != definition.table)
    return false;
  const auto before = core::parse_entity(definition.name, stored->text);
  return !before || returning_field(db, *before, definition, table->name);
}

// One entity's turn; the transaction belongs to the caller.
class preparation {
 public:
  preparation(pg::plain_connection& db, const core::entity& definition, bool may_be_fitted)
      : db_(db), definition_(definition), may_be_fitted_(may_be_fitted) {}

  outcome run() {
    db_.run("SELECT pg_advisory_xact_lock($1::bigint)", {std::to_string(eventstore::head_lock_key)});
    const auto stored = find_definition(db_, definition_.name);
    const adoption how = compare_definitions(stored, definition_);
    if (how == adoption::older || how == adoption::contested)
      refuse(adoption_refusal(how, *stored, definition_));
    const auto table = find_table(db_, definition_.name);
    const bool same_name = table && table->name == definition_.table;
    if (!same_name && relation_exists(db_, definition_.table)) refuse(not_ours_sentence(definition_));
    const bool stands = table && table->exists;
    if (!stands) return make(table.has_value());
    if (const auto others = not_owned_sentence(db_, definition_, table->name); !others.empty())
      refuse(others);
    if (same_name && table->fingerprint == core::to_hex(table_fingerprint(definition_)))
      return how == adoption::same ? outcome{} : adopt(stored);
    return fit(stored, how, same_name && !is_behind(table->fingerprint));
  }

 private:
  [[noreturn]] void refuse(const std::string& sentence) {
    throw preparation_refused(definition_.name, sentence);
  }

  // The table stays as it is: what differs is elsewhere (titles, CSV columns, what is valid).
  outcome adopt(const std::optional<stored_definition>& stored) {
    store_definition(db_, definition_);
    outcome done;
    done.done = adopted_sentence(definition_, stored ? stored->revision : 0);
    return done;
  }

  // Without events an empty table is whole.
  outcome make(bool was_recorded) {
    outcome left;
    left.was_recorded = was_recorded;
    left.fill = db_.run("SELECT EXISTS (SELECT FROM synclog.events WHERE entity = $1)", {definition_.name})
                    .boolean(0, 0);
    if (left.fill) return left;
    for (const std::string& statement : read_table_ddl(definition_, definition_.table))
      db_.run(statement);
    store_definition(db_, definition_);
    record_table(db_, definition_);
    left.done = was_recorded
                    ? fmt::format("Read table {} was missing: made anew, it has no rows.", definition_.table)
                    : fmt::format("Made read table {}.", definition_.table);
    return left;
  }

  // Only the table's catalog entries change, so this takes no longer for a large table.
  outcome fit(const std::optional<stored_definition>& stored, adoption how, bool may_serve) {
    outcome left;
    left.was_recorded = true;
    std::optional<std::vector<std::string>> statements;
    if (may_serve && may_be_fitted_) statements = fitting_statements(db_, definition_, definition_.table);
    left.pending = statements.has_value();
    left.fill = !left.pending;
    if (left.fill) return left;
    db_.run("SELECT set_config('lock_timeout', $1, true)", {std::string(table_lock_timeout)});
    for (const std::string& statement : *statements)
      db_.run(statement);
    record_fitted(db_, definition_);
    if (how == adoption::same) return left;
    store_definition(db_, definition_);
    left.done = adopted_sentence(definition_, stored ? stored->revision : 0);
    return left;
  }

  pg::plain_connection& db_;
  const core::entity& definition_;
  const bool may_be_fitted_;
};

bool is_worth_another_try(const pg::query_failed& error) {
  return pg::classify(error.info().sqlstate) == pg::meaning::retry;
}

outcome prepare_entity(pg::plain_connection& db, const core::entity& definition) {
  const bool may_be_fitted = !brings_a_field_back(db, definition);
  for (int attempt = 1;; ++attempt) {
    db.run("BEGIN");
    try {
      db.run("SELECT set_config('lock_timeout', $1, true)", {std::string(lock_timeout)});
      outcome left = preparation(db, definition, may_be_fitted).run();
      db.run("COMMIT");
      return left;
    } catch (const pg::query_failed& error) {
      db.abandon_transaction();
      if (attempt == max_attempts || !is_worth_another_try(error)) throw;
    } catch (...) {
      db.abandon_transaction();
      throw;
    }
  }
}

// Waits for another process that does the same.
rebuild_result rebuild_in_turn(const rebuild_options& options, const core::entity& definition) {
  const auto until = std::chrono::steady_clock::now() + rebuild_patience;
  while (true) {
    try {
      return rebuild_table(options, definition, rebuild_when::when_layout_differs);
    } catch (const rebuild_busy&) {
      if (std::chrono::steady_clock::now() > until) throw;
    }
    std::this_thread::sleep_for(look_again);
  }
}

void add_rebuild_sentences(std::vector<std::string>& out, const core::entity& definition,
                           const rebuild_result& built, std::int64_t revision_before) {
  if (built.adopted && revision_before > 0) out.push_back(adopted_sentence(definition, revision_before));
  if (built.rebuilt)
    out.push_back(
        fmt::format("Rebuilt read table {} for its new definition, {} rows.", definition.table, built.rows));
}

// What interrupted rebuilds left takes the room of whole tables. Who rebuilds just now keeps his.
void drop_left_overs(pg::plain_connection& db, const core::catalog& entities,
                     std::vector<std::string>& done) {
  if (!any_shadow(db)) return;
  db.run("SELECT set_config('lock_timeout', $1, false)", {std::string(left_over_lock_timeout)});
  for (const auto& definition : entities.all()) {
    if (!try_lock_entity(db, definition->name)) continue;
    try {
      if (const int dropped = drop_shadows(db, definition->name); dropped > 0)
        done.push_back(
            fmt::format("Dropped what an interrupted rebuild of read table {} had left.", definition->table));
    } catch (const pg::query_failed& failed) {
      // A session of that run still works on it: the next rebuild drops it.
      if (!is_worth_another_try(failed)) throw;
    }
    unlock_entity(db, definition->name);
  }
}

// The rebuild that serving has to wait for, and what is said of it.
void fill_table(pg::plain_connection& db, const rebuild_options& options, const core::entity& definition,
                bool was_recorded, std::vector<std::string>& done) {
  const bool stood = find_table(db, definition.name).value_or(standing_table{}).exists;
  const std::int64_t before = find_definition(db, definition.name).value_or(stored_definition{}).revision;
  const rebuild_result built = rebuild_in_turn(options, definition);
  if (stood)
    add_rebuild_sentences(done, definition, built, before);
  else if (was_recorded)
    done.push_back(fmt::format("Read table {} was missing: rebuilt from the log, {} rows.", definition.table,
                               built.rows));
  else
    done.push_back(fmt::format("Made read table {} from the log, {} rows.", definition.table, built.rows));
}

} // namespace

prepared_tables prepare_serving(const std::string& conninfo, const std::string& role,
                                const core::catalog& entities) {
  pg::plain_connection db(conninfo, role, "synclog prepare");
  rebuild_options options;
  options.conninfo = conninfo;
  options.role = role;
  prepared_tables prepared;
  for (const auto& definition : entities.all()) {
    outcome left = prepare_entity(db, *definition);
    if (!left.done.empty()) prepared.done.push_back(std::move(left.done));
    if (left.fill) {
      options.pace =
          default_rebuild_pace(conninfo, role); // others may be served, and this server is waited for
      fill_table(db, options, *definition, left.was_recorded, prepared.done);
    }
    if (left.pending) prepared.pending.push_back(&*definition);
  }
  drop_left_overs(db, entities, prepared.done);
  return prepared;
}

std::vector<std::string> prepare_read_tables(const std::string& conninfo, const std::string& role,
                                             const core::catalog& entities) {
  prepared_tables prepared = prepare_serving(conninfo, role, entities);
  rebuild_options options;
  options.conninfo = conninfo;
  options.role = role;
  options.pace = default_rebuild_pace(conninfo, role);
  for (const core::entity* const definition : prepared.pending)
    add_rebuild_sentences(prepared.done, *definition, rebuild_in_turn(options, *definition), 0);
  return std::move(prepared.done);
}

import_tables prepare_import(const std::string& conninfo, const std::string& role,
                             const core::catalog& entities) {
  pg::plain_connection db(conninfo, role, "synclog prepare");
  import_tables prepared;
  for (const auto& definition : entities.all()) {
    outcome left = prepare_entity(db, *definition);
    if (!left.done.empty()) prepared.done.push_back(std::move(left.done));
    if (left.fill) prepared.behind.push_back(&*definition);
    if (left.pending) prepared.pending.push_back(&*definition);
  }
  return prepared;
}

} // namespace synclog::projections
