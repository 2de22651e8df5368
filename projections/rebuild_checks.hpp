// What is asked before a rebuild changes anything: whose turn it is, which table stands, whether the old
// events and whatever hangs on the table allow the new definition. Private to the rebuild. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "projections/rebuild_fill.hpp"
#include <string>
#include <vector>

namespace synclog::projections {

// For as long as the connection lives, or until unlock_entity(). Throws rebuild_busy.
void lock_entity(eventstore::pg::plain_connection& db, const std::string& entity);
// False when another one rebuilds it.
bool try_lock_entity(eventstore::pg::plain_connection& db, const std::string& entity);
void unlock_entity(eventstore::pg::plain_connection& db, const std::string& entity);

struct standing_table_state {
  bool exists = false;
  std::string name;        // "" = none was ever recorded
  std::string fingerprint; // hex
  bool adopts = false;     // the definition is newer than the database's, or it has none
};
// Throws preparation_refused when the database's definition is newer or contested, or a relation of the new
// name is not ours.
standing_table_state check_rebuild(eventstore::pg::plain_connection& db, const core::entity& definition);
// The table stands and definition and layout are those of the database.
bool is_current(eventstore::pg::plain_connection& db, const core::entity& definition);

std::int64_t estimated_rows(eventstore::pg::plain_connection& db, const standing_table_state& standing);

// Plain sentences: what depends on the table, values that stand twice in a field that becomes unique.
std::vector<std::string> obstacles_of(eventstore::pg::plain_connection& db, const core::entity& definition,
                                      const standing_table_state& standing);
void refuse_obstacles(eventstore::pg::plain_connection& db, const core::entity& definition,
                      const standing_table_state& standing);
std::string dependents_sentence(eventstore::pg::plain_connection& db, const core::entity& definition,
                                const standing_table_state& standing);
std::string misfit_sentence(const core::entity& definition, const field_misfits& misfits);
// Which unique values stand twice in a table.
std::string duplicate_sentence(eventstore::pg::plain_connection& db, const core::entity& definition,
                               const std::string& table_name);

// How the table differs from the definition's, one sentence each: its columns, or only its indexes or search.
std::vector<std::string> layout_changes(eventstore::pg::plain_connection& db, const core::entity& definition,
                                        const standing_table_state& standing);

} // namespace synclog::projections
