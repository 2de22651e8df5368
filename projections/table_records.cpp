// See table_records.hpp.
#include "projections/table_records.hpp"
#include "core/chain.hpp"
#include "projections/layout.hpp"
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

std::string bytea_text(const core::sha256_digest& digest) {
  return "\\x" + core::to_hex(digest);
}

// No layout has this one.
core::sha256_digest fitted_fingerprint(std::int64_t revision) {
  return core::sha256("fitted to revision " + std::to_string(revision));
}

} // namespace

std::optional<stored_definition> find_definition(pg::plain_connection& db, const std::string& entity) {
  const pg::rows found =
      db.run("SELECT revision, encode(fingerprint, 'hex'), definition, to_char(adopted_at AT TIME ZONE "
             "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM synclog.definitions WHERE name = $1",
             {entity});
  if (found.size() == 0) return std::nullopt;
  return stored_definition{found.int8(0, 0), std::string(found.text(0, 1)), std::string(found.text(0, 2)),
                           std::string(found.text(0, 3))};
}

void store_definition(pg::plain_connection& db, const core::entity& definition) {
  db.run("INSERT INTO synclog.definitions (name, revision, fingerprint, definition) VALUES ($1, $2::bigint, "
         "$3::bytea, $4::json) ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, fingerprint = "
         "excluded.fingerprint, definition = excluded.definition, adopted_at = now()",
         {definition.name, std::to_string(definition.revision), bytea_text(definition.fingerprint),
          definition.definition_json});
}

bool relation_exists(pg::plain_connection& db, const std::string& name) {
  return db.run("SELECT to_regclass($1) IS NOT NULL", {qualified_table(name)}).boolean(0, 0);
}

std::optional<standing_table> find_table(pg::plain_connection& db, const std::string& entity) {
  const pg::rows found = db.run(
      "SELECT table_name, encode(fingerprint, 'hex') FROM synclog.read_tables WHERE entity = $1", {entity});
  if (found.size() == 0) return std::nullopt;
  standing_table table{std::string(found.text(0, 0)), std::string(found.text(0, 1))};
  table.exists = relation_exists(db, table.name);
  return table;
}

void record_table(pg::plain_connection& db, const core::entity& definition) {
  db.run("INSERT INTO synclog.read_tables (entity, table_name, fingerprint) VALUES ($1, $2, $3::bytea) "
         "ON CONFLICT (entity) DO UPDATE SET table_name = excluded.table_name, fingerprint = "
         "excluded.fingerprint, built_at = now()",
         {definition.name, definition.table, bytea_text(table_fingerprint(definition))});
}

void record_fitted(pg::plain_connection& db, const core::entity& definition) {
  db.run("UPDATE synclog.read_tables SET fingerprint = $2::bytea WHERE entity = $1",
         {definition.name, bytea_text(fitted_fingerprint(definition.revision))});
}

bool is_fitted(const standing_table& table, std::int64_t revision) {
  return table.fingerprint == core::to_hex(fitted_fingerprint(revision));
}

std::string not_owned_sentence(pg::plain_connection& db, const core::entity& definition,
                               const std::string& table_name) {
  const pg::rows found = db.run(
      "SELECT c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user) FROM "
      "pg_class AS c WHERE c.oid = to_regclass($1) AND NOT pg_has_role(c.relowner, 'USAGE')",
      {qualified_table(table_name)});
  if (found.size() == 0) return "";
  return fmt::format(
      "Entity {0}: its read table {1} belongs to {2}, and only its owner can change or replace it; "
      "fix, as {2} or a superuser: ALTER TABLE {1} OWNER TO {3}; nothing was changed.",
      definition.name, found.text(0, 0), found.text(0, 1), found.text(0, 2));
}

std::string not_ours_sentence(const core::entity& definition) {
  // Renaming it is not enough: its indexes would keep the names that the read table's need.
  return fmt::format(
      "Entity {}: there is a relation public.{} that this log has not made. Move it away (CREATE SCHEMA "
      "before; ALTER TABLE public.\"{}\" SET SCHEMA before), or give the entity another table; nothing "
      "was changed.",
      definition.name, definition.table, definition.table);
}

adoption compare_definitions(const std::optional<stored_definition>& stored, const core::entity& own) {
  if (!stored) return adoption::none;
  if (stored->revision > own.revision) return adoption::older;
  if (stored->revision < own.revision) return adoption::newer;
  return stored->fingerprint == core::to_hex(own.fingerprint) ? adoption::same : adoption::contested;
}

std::string adoption_refusal(adoption how, const stored_definition& stored, const core::entity& own) {
  if (how == adoption::older)
    return fmt::format("Entity {}: the database holds revision {} of its definition, this server brings "
                       "revision {}. Start a server with the newer definition.",
                       own.name, stored.revision, own.revision);
  return fmt::format("Entity {}: the database holds another definition of the same revision {}. Raise "
                     "x-revision in the changed file.",
                     own.name, own.revision);
}

} // namespace synclog::projections
