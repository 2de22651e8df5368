// See shadow_table.hpp.
#include "projections/shadow_table.hpp"
#include "core/chain.hpp"
#include "projections/layout.hpp"
#include <array>
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

constexpr const char* shadow_prefix = "synclog_shadow_";

std::string comment_of(const std::string& entity) {
  return "synclog: a read table of " + entity + " that is being rebuilt; dropped by the next rebuild";
}

std::string new_name(const std::string& entity) {
  std::array<unsigned char, 6> random{};
  core::fill_random(random.data(), random.size());
  return shadow_prefix + core::to_hex(core::sha256(entity)).substr(0, 12) + "_" +
         core::to_hex(std::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
}

// GRANT statements that give the new table what others may do with the old one: whole table and columns.
std::vector<std::string> grants_of(pg::plain_connection& db, const std::string& old_name,
                                   const std::string& shadow_name) {
  const pg::rows found = db.run(
      "SELECT format('GRANT %s%s ON %s TO %s%s', g.privilege_type, g.columns, $2::text, CASE WHEN g.grantee "
      "= 0 "
      "THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, CASE WHEN g.is_grantable THEN ' WITH "
      "GRANT OPTION' ELSE '' END) FROM ("
      "SELECT a.grantee, a.privilege_type, a.is_grantable, '' AS columns FROM pg_class AS c, "
      "aclexplode(c.relacl) "
      "AS a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner "
      "UNION ALL SELECT a.grantee, a.privilege_type, a.is_grantable, ' (' || quote_ident(o.attname) || ')' "
      "FROM "
      "pg_attribute AS o JOIN pg_attribute AS n ON n.attname = o.attname AND n.attrelid = to_regclass($2) "
      "AND NOT "
      "n.attisdropped, aclexplode(o.attacl) AS a WHERE o.attrelid = to_regclass($1) AND NOT o.attisdropped) "
      "AS g",
      {qualified_table(old_name), qualified_table(shadow_name)});
  std::vector<std::string> statements;
  for (int row = 0; row < found.size(); ++row)
    statements.emplace_back(found.text(row, 0));
  return statements;
}

} // namespace

std::string create_shadow(pg::plain_connection& db, const core::entity& definition) {
  const std::string name = new_name(definition.name);
  const std::string table = qualified_table(name);
  db.run("BEGIN");
  const table_ddl ddl = make_table_ddl(definition, name);
  for (const auto* part : {&ddl.table, &ddl.settings})
    for (const std::string& statement : *part)
      db.run(statement);
  // Nothing is to be vacuumed before it is whole, and a vacuum would stand in the way of the constraints.
  db.run("ALTER TABLE " + table + " SET (autovacuum_enabled = false)");
  db.run("COMMENT ON TABLE " + table + " IS " + quote_literal(comment_of(definition.name)));
  db.run("COMMIT");
  return name;
}

bool any_shadow(pg::plain_connection& db) {
  return db
      .run(
          "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
          "AND starts_with(relname::text, $1))",
          {std::string(shadow_prefix)})
      .boolean(0, 0);
}

int drop_shadows(pg::plain_connection& db, const std::string& entity) {
  const pg::rows found =
      db.run("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND "
             "starts_with(relname::text, $1) AND obj_description(oid, 'pg_class') = $2",
             {std::string(shadow_prefix), comment_of(entity)});
  for (int row = 0; row < found.size(); ++row)
    db.run("DROP TABLE " + qualified_table(found.text(row, 0)));
  return found.size();
}

std::vector<std::string> dependents_of(pg::plain_connection& db, const std::string& table_name) {
  // What belongs to the table itself (its constraints, its own indexes, triggers and policies) hangs on it
  // automatically and goes with it.
  const pg::rows found = db.run(
      "SELECT DISTINCT coalesce('view ' || v.ev_class::regclass::text, pg_describe_object(d.classid, "
      "d.objid, 0)) "
      "FROM pg_depend AS d LEFT JOIN pg_rewrite AS v ON d.classid = 'pg_rewrite'::regclass AND v.oid = "
      "d.objid "
      "LEFT JOIN pg_constraint AS k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid "
      "WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass($1)::oid AND d.deptype = 'n' "
      "AND k.conrelid IS DISTINCT FROM d.refobjid AND d.classid <> 'pg_policy'::regclass "
      "AND d.classid <> 'pg_trigger'::regclass ORDER BY 1",
      {qualified_table(table_name)});
  std::vector<std::string> names;
  for (int row = 0; row < found.size(); ++row)
    names.emplace_back(found.text(row, 0));
  return names;
}

void put_shadow_in_place(pg::plain_connection& db, const core::entity& definition,
                         const std::string& shadow_name, const std::string& old_name) {
  const std::string shadow = qualified_table(shadow_name);
  if (!old_name.empty()) {
    for (const std::string& grant : grants_of(db, old_name, shadow_name))
      db.run(grant);
    db.run("DROP TABLE " + qualified_table(old_name));
  }
  db.run("ALTER TABLE " + shadow + " RESET (autovacuum_enabled)");
  db.run("COMMENT ON TABLE " + shadow + " IS NULL");
  db.run("ALTER TABLE " + shadow + " RENAME TO " + quote_identifier(definition.table));
  const table_ddl from = make_table_ddl(definition, shadow_name),
                  to = make_table_ddl(definition, definition.table);
  for (std::size_t i = 0; i < from.object_names.size(); ++i) // a constraint's index carries its name along
    db.run("ALTER INDEX " + qualified_table(from.object_names[i]) + " RENAME TO " +
           quote_identifier(to.object_names[i]));
}

} // namespace synclog::projections
