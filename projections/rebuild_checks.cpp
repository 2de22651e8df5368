// See rebuild_checks.hpp.
#include "projections/rebuild_checks.hpp"
#include "core/chain.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/behind_tables.hpp"
#include "projections/cut_tail.hpp"
#include "projections/layout.hpp"
#include "projections/read_table.hpp"
#include "projections/shadow_table.hpp"
#include "projections/standing_columns.hpp"
#include "projections/standing_objects.hpp"
#include "projections/table_records.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// "sync" in ASCII: the first half of the advisory locks of rebuilds, the second one is the entity's.
constexpr std::int32_t rebuild_lock_class = 0x73796e63;
constexpr int most_examples = 3;

std::string lock_half(const std::string& entity) {
  const core::sha256_digest digest = core::sha256(entity);
  std::uint32_t half = 0;
  for (std::size_t i = 0; i < 4; ++i)
    half = half << 8U | static_cast<unsigned char>(digest[i]);
  return std::to_string(static_cast<std::int32_t>(half));
}

bool has_column(pg::plain_connection& db, const std::string& table_name, const std::string& column) {
  return db
      .run("SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND "
           "attnum > 0 "
           "AND NOT attisdropped)",
           {qualified_table(table_name), column})
      .boolean(0, 0);
}

// "" when none stands twice.
std::string duplicates_of(pg::plain_connection& db, const std::string& table_name,
                          const std::string& column) {
  const std::string name = quote_identifier(column);
  const pg::rows found = db.run(
      "SELECT count(*) OVER (), d." + name + "::text, d.n FROM (SELECT " + name + ", count(*) AS n FROM " +
      qualified_table(table_name) + " WHERE " + name + " IS NOT NULL GROUP BY " + name +
      " HAVING count(*) > 1) AS d ORDER BY d.n DESC, 2 LIMIT " + std::to_string(most_examples));
  if (found.size() == 0) return "";
  std::vector<std::string> examples;
  for (int row = 0; row < found.size(); ++row)
    examples.push_back(fmt::format("\"{}\" {} times", found.text(row, 1), found.text(row, 2)));
  return fmt::format("{} values of \"{}\" stand more than once ({})", found.text(0, 0), column,
                     fmt::join(examples, ", "));
}

} // namespace

bool try_lock_entity(pg::plain_connection& db, const std::string& entity) {
  return db
      .run("SELECT pg_try_advisory_lock($1::int, $2::int)",
           {std::to_string(rebuild_lock_class), lock_half(entity)})
      .boolean(0, 0);
}

void unlock_entity(pg::plain_connection& db, const std::string& entity) {
  db.run("SELECT pg_advisory_unlock($1::int, $2::int)",
         {std::to_string(rebuild_lock_class), lock_half(entity)});
}

void lock_entity(pg::plain_connection& db, const std::string& entity) {
  if (try_lock_entity(db, entity)) return;
  const std::string half = lock_half(entity);
  const std::string lock_class = std::to_string(rebuild_lock_class);
  const pg::rows holder = db.run("SELECT a.pid, a.application_name FROM pg_locks AS l JOIN pg_stat_activity "
                                 "AS a USING (pid) WHERE l.locktype = "
                                 "'advisory' AND l.classid = $1::bigint AND l.objid = ($2::bigint & "
                                 "4294967295) AND l.objsubid = 2 AND l.granted",
                                 {lock_class, half});
  const std::string who = holder.size() == 0 ? "" : fmt::format(" (database session {})", holder.text(0, 0));
  throw rebuild_busy(
      fmt::format("Entity {}: another rebuild of its read table is under way{}.", entity, who));
}

standing_table_state check_rebuild(pg::plain_connection& db, const core::entity& definition) {
  const std::optional<stored_definition> stored = find_definition(db, definition.name);
  const adoption how = compare_definitions(stored, definition);
  if (how == adoption::older || how == adoption::contested)
    throw preparation_refused(definition.name, adoption_refusal(how, *stored, definition));
  standing_table_state state;
  state.adopts = how == adoption::newer || how == adoption::none;
  if (const auto table = find_table(db, definition.name)) {
    state.exists = table->exists;
    state.name = table->name;
    state.fingerprint = table->fingerprint;
  }
  if (state.name != definition.table && relation_exists(db, definition.table))
    throw preparation_refused(definition.name, not_ours_sentence(definition));
  return state;
}

bool is_current(pg::plain_connection& db, const core::entity& definition) {
  const standing_table_state state = check_rebuild(db, definition);
  return state.exists && !state.adopts && state.name == definition.table &&
         state.fingerprint == core::to_hex(table_fingerprint(definition));
}

std::int64_t estimated_rows(pg::plain_connection& db, const standing_table_state& standing) {
  if (!standing.exists) return 0;
  return db
      .run("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)",
           {qualified_table(standing.name)})
      .int8(0, 0);
}

std::string dependents_sentence(pg::plain_connection& db, const core::entity& definition,
                                const standing_table_state& standing) {
  return fmt::format(
      "Entity {}: {} would be left with the old table public.{}. Drop it, rebuild, and make it again; "
      "nothing was changed.",
      definition.name, fmt::join(dependents_of(db, standing.name), ", "), standing.name);
}

std::vector<std::string> obstacles_of(pg::plain_connection& db, const core::entity& definition,
                                      const standing_table_state& standing) {
  std::vector<std::string> found;
  if (!standing.exists) return found;
  if (std::string others = not_owned_sentence(db, definition, standing.name); !others.empty())
    found.push_back(std::move(others));
  if (const auto cut = find_cut_tail(db, definition.name, standing.name))
    found.push_back(fmt::format("Entity {}: {}. Nothing was changed: the table knows what the log has lost.",
                                definition.name, cut_tail_sentence(*cut, standing.name)));
  if (!dependents_of(db, standing.name).empty())
    found.push_back(dependents_sentence(db, definition, standing));
  if (is_behind(standing.fingerprint)) return found; // what stands twice is seen in the shadow
  for (const core::field& field : definition.fields) {
    if (!field.unique || !has_column(db, standing.name, field.name) ||
        is_unique_column(db, standing.name, field.name))
      continue;
    db.run("SELECT set_config('statement_timeout', $1, false)", {std::string(page_timeout)});
    std::string twice;
    try {
      twice = duplicates_of(db, standing.name, field.name);
    } catch (const pg::query_failed& failed) {
      // A very large table: the index of the shadow will tell.
      if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out) throw;
    }
    if (!twice.empty())
      found.push_back(
          fmt::format("Entity {}: {}, so it cannot be unique; nothing was changed.", definition.name, twice));
  }
  return found;
}

void refuse_obstacles(pg::plain_connection& db, const core::entity& definition,
                      const standing_table_state& standing) {
  const std::vector<std::string> found = obstacles_of(db, definition, standing);
  if (!found.empty()) throw preparation_refused(definition.name, fmt::format("{}", fmt::join(found, " ")));
}

std::string misfit_sentence(const core::entity& definition, const field_misfits& misfits) {
  std::vector<std::string> parts;
  for (const auto& [field, counted] : misfits.by_field) {
    const core::field& known = definition.fields[*definition.field_index(field)];
    parts.push_back(
        fmt::format("{} records hold a value of \"{}\" that is no {} ({}{})", counted.count, field,
                    type_name(known.type), fmt::join(counted.examples, ", "),
                    counted.count > static_cast<std::int64_t>(counted.examples.size()) ? ", …" : ""));
  }
  return fmt::format("Entity {}: {}. Correct these records first; nothing was changed.", definition.name,
                     fmt::join(parts, "; "));
}

std::string duplicate_sentence(pg::plain_connection& db, const core::entity& definition,
                               const std::string& table_name) {
  std::vector<std::string> parts;
  for (const core::field& field : definition.fields) {
    if (!field.unique) continue;
    std::string twice = duplicates_of(db, table_name, field.name);
    if (!twice.empty()) parts.push_back(std::move(twice));
  }
  return fmt::format("Entity {}: {}, so it cannot be unique; nothing was changed.", definition.name,
                     parts.empty() ? "a unique value stands more than once"
                                   : fmt::format("{}", fmt::join(parts, "; ")));
}

std::vector<std::string> layout_changes(pg::plain_connection& db, const core::entity& definition,
                                        const standing_table_state& standing) {
  if (!standing.exists) return {fmt::format("table public.{} is made", definition.table)};
  std::vector<std::string> changes;
  if (standing.name != definition.table)
    changes.push_back(fmt::format("table {} is renamed to {}", standing.name, definition.table));
  for (const column_change& one : column_changes(db, definition, standing.name)) {
    if (!one.is)
      changes.push_back(fmt::format("column {} ({}) is added", one.name, *one.wanted));
    else if (!one.wanted)
      changes.push_back(fmt::format("column {} ({}) is removed", one.name, *one.is));
    else
      changes.push_back(fmt::format("column {} turns from {} to {}", one.name, *one.is, *one.wanted));
  }
  if (changes.empty() && standing.fingerprint != core::to_hex(table_fingerprint(definition)))
    changes.emplace_back("indexes or search fields change");
  else if (changes.empty())
    for (const missing_object& one : missing_objects(db, definition, standing.name, wanted_objects::all))
      changes.push_back(fmt::format("{} is missing and is made", one.description));
  return changes;
}

} // namespace synclog::projections
