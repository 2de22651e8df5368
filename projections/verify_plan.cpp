// See verify_plan.hpp.
#include "projections/verify_plan.hpp"
#include "core/chain.hpp"
#include "projections/layout.hpp"
#include "projections/shadow_table.hpp"
#include "projections/standing_columns.hpp"
#include "projections/standing_objects.hpp"
#include "projections/table_records.hpp"
#include "projections/verify_stretch.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

bool has_events(pg::plain_connection& db, const std::string& entity) {
  return db.run("SELECT EXISTS (SELECT FROM synclog.events WHERE entity = $1)", {entity}).boolean(0, 0);
}

eventstore::verify_note note_of(const core::entity& definition, const char* kind, std::string since,
                                std::string detail) {
  return {kind, definition.name, definition.table, std::move(since), std::move(detail)};
}

// Why the table is not what the definition asks for yet, and what is in the way.
std::string awaiting_sentence(pg::plain_connection& db, const core::entity& definition,
                              const stored_definition& stored, const standing_table& standing) {
  const std::string why = is_fitted(standing, stored.revision)
                              ? fmt::format("revision {} of its definition was adopted", stored.revision)
                              : std::string("it was made for another layout");
  std::string text =
      fmt::format("{} awaits its rebuild (since {}, {}); search texts and indexes are not compared",
                  definition.name, stored.adopted_at, why);
  const std::vector<std::string> dependents = dependents_of(db, standing.name);
  if (!dependents.empty())
    text += fmt::format("; {} stands on the table and keeps it: drop it, rebuild, and make it again",
                        fmt::join(dependents, ", "));
  return text;
}

// The adopted definition, when it is another one than the program's.
std::shared_ptr<const core::entity> adopted_one(const core::entity& own,
                                                const std::optional<stored_definition>& stored) {
  if (!stored || compare_definitions(stored, own) == adoption::same) return nullptr;
  auto parsed = core::parse_entity(own.name, stored->text);
  if (!parsed) return nullptr; // this program cannot read it: its own will have to do
  return std::make_shared<const core::entity>(std::move(*parsed));
}

planned_table plan_of(pg::plain_connection& db, const core::entity& own) {
  planned_table plan;
  plan.definition = std::make_shared<const core::entity>(own);
  const auto stored = find_definition(db, plan.definition->name);
  const auto standing = find_table(db, plan.definition->name);
  if (!standing && !has_events(db, plan.definition->name)) {
    plan.is_made = false;
    plan.note = note_of(*plan.definition, "no_table", "",
                        fmt::format("{} has no read table yet, and no events: `synclog serve` makes it",
                                    plan.definition->name));
    return plan;
  }
  if (stored) {
    plan.revision = stored->revision;
    plan.adopted_at = stored->adopted_at;
  }
  if (auto adopted = adopted_one(*plan.definition, stored)) {
    if (adopted->revision < plan.definition->revision)
      plan.note = note_of(*plan.definition, "not_adopted", "",
                          fmt::format("{}: revision {} of its definition is not adopted yet; compared by "
                                      "revision {}, which the database has",
                                      plan.definition->name, plan.definition->revision, stored->revision));
    plan.definition = std::move(adopted);
  }
  if (!standing) return plan;
  plan.fingerprint = standing->fingerprint;
  plan.awaits_rebuild = stored && standing->exists && standing->name == plan.definition->table &&
                        standing->fingerprint != core::to_hex(table_fingerprint(*plan.definition));
  if (plan.awaits_rebuild)
    plan.note = note_of(*plan.definition, "awaits_rebuild", stored->adopted_at,
                        awaiting_sentence(db, *plan.definition, *stored, *standing));
  return plan;
}

eventstore::difference lacks(const core::entity& definition, std::string field, std::string what) {
  eventstore::difference lost;
  lost.kind = "table";
  lost.entity = definition.name;
  lost.field = std::move(field);
  lost.detail = fmt::format("read table public.{} {}", definition.table, what);
  return lost;
}

} // namespace

std::vector<planned_table> plan_verification(pg::plain_connection& db, const core::catalog& entities) {
  std::vector<planned_table> plan;
  for (const auto& definition : entities.all())
    plan.push_back(plan_of(db, *definition));
  return plan;
}

std::optional<eventstore::difference> missing_part(pg::plain_connection& db, const planned_table& table) {
  const core::entity& definition = *table.definition;
  const pg::rows found = db.run(
      "SELECT a.attname, a.attnotnull FROM pg_attribute AS a WHERE a.attrelid = to_regclass($1) AND a.attnum "
      "> 0 AND NOT a.attisdropped",
      {qualified_table(definition.table)});
  if (found.size() == 0) return lacks(definition, "", "does not exist");
  std::vector<std::string> wanted = {"id", "doc"};
  for (const auto& [name, type] : compared_columns(definition))
    wanted.push_back(name);
  const std::vector<std::string> never_empty = {"id",       "doc",        "version",
                                                "position", "created_at", "updated_at"};
  for (const std::string& name : wanted) {
    bool present = false, may_be_empty = false;
    for (int row = 0; row < found.size() && !present; ++row) {
      present = found.text(row, 0) == name;
      may_be_empty = present && !found.boolean(row, 1);
    }
    if (!present) return lacks(definition, name, fmt::format("has no column {}", name));
    if (may_be_empty && std::find(never_empty.begin(), never_empty.end(), name) != never_empty.end())
      return lacks(definition, name, fmt::format("lets column {} be NULL", name));
  }
  for (const column_change& one : column_changes(db, definition, definition.table))
    if (one.wanted && one.is)
      return lacks(
          definition, one.name,
          fmt::format("has column {} as {}, its definition says {}", one.name, *one.is, *one.wanted));
  const auto missing =
      missing_objects(db, definition, definition.table,
                      table.awaits_rebuild ? wanted_objects::constraints : wanted_objects::all);
  if (missing.empty()) return std::nullopt;
  return lacks(definition, missing.front().name, "lacks " + missing.front().description);
}

} // namespace synclog::projections
