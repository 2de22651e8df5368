// See guard.hpp, and check_durability() in runner.hpp. Reads only.
#include "migrations/guard.hpp"
#include "migrations/session.hpp"
#include <charconv>

namespace synclog::migrations {

namespace {

constexpr int oldest_server = 140'000; // SQL-standard function bodies

constexpr const char* read_server = R"sql(
  SELECT current_setting('server_encoding'), current_setting('server_version_num'), pg_is_in_recovery(),
         current_setting('default_transaction_read_only'))sql";

core::problem refused(std::string words) {
  return core::make_problem(core::problem_code::precondition_failed, std::move(words));
}

core::result<log_guard> look(session& database) {
  const auto rows = database.query(guard_sql);
  if (!rows) {
    return rows.error();
  }
  log_guard found;
  for (int row = 0; row < rows->rows(); ++row) {
    (rows->at(row, 0) == "loss" ? found.losses : found.powers).emplace_back(rows->at(row, 1));
  }
  return found;
}

} // namespace

// The settings are those of this session: a server's own say synchronous_commit for themselves
// (eventstore/pg/durable_commits), so that only a plain one sees what the login was given. Who is looked at
// is the login and the role that it has taken on: it may go back. A membership counts however it came,
// because SET ROLE asks for no more.
const char* const guard_sql = R"sql(
WITH log AS (
  SELECT c.oid, c.relowner, quote_ident(pg_get_userbyid(c.relowner)) AS owner_name
  FROM pg_catalog.pg_class c WHERE c.relnamespace = to_regnamespace('synclog') AND c.relname = 'events'
), service AS (
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = 'synclog_app'
), self AS (
  SELECT r.oid, quote_ident(r.rolname) AS name, r.rolsuper
  FROM pg_catalog.pg_roles r WHERE r.rolname IN (session_user, current_user)
), who AS ( -- each of them, and whatever else it may become; a superuser is a member of all
  SELECT s.oid AS self, r.oid, quote_ident(r.rolname) AS name, r.rolsuper, r.rolcreaterole, r.oid = s.oid AS is_self,
         CASE WHEN r.oid = s.oid THEN s.name ELSE format('%s may become %I, which', s.name, r.rolname) END AS subject
  FROM self s JOIN pg_catalog.pg_roles r
    ON r.oid = s.oid OR (NOT s.rolsuper AND pg_has_role(s.oid, r.oid, 'MEMBER') AND r.oid NOT IN (SELECT oid FROM self))
), own_login(fix) AS (
  VALUES ('give the server a login of its own (ALTER ROLE synclog_app LOGIN PASSWORD ''…'') in DATABASE_URL, and '
          'this one to `synclog migrate` as --owner-url')
), powers AS ( -- memberships of memberships are the login's own, so owners are asked for only there
  SELECT w.subject, 'is a superuser' AS power, f.fix FROM who w, own_login f WHERE w.rolsuper
  UNION ALL
  SELECT w.name, CASE WHEN w.oid = l.relowner THEN 'owns the log' ELSE 'may become ' || l.owner_name || ', the log''s owner' END, f.fix
  FROM who w, log l, own_login f WHERE w.is_self AND NOT w.rolsuper AND pg_has_role(w.oid, l.relowner, 'MEMBER')
  UNION ALL
  SELECT w.name, 'owns the database', f.fix
  FROM who w, log l, own_login f, pg_catalog.pg_database d
  WHERE d.datname = current_database() AND w.is_self AND NOT w.rolsuper AND pg_has_role(w.oid, d.datdba, 'MEMBER')
    AND NOT pg_has_role(w.oid, l.relowner, 'MEMBER')
  UNION ALL
  SELECT w.subject, 'may make itself a member of other roles', format('ALTER ROLE %s NOCREATEROLE', w.name)
  FROM who w WHERE NOT w.rolsuper AND w.rolcreaterole
  UNION ALL
  SELECT w.name, 'may become ' || r.rolname, format('REVOKE %s FROM %s', r.rolname, w.name)
  FROM who w, pg_catalog.pg_roles r
  WHERE r.rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program')
    AND w.is_self AND NOT w.rolsuper AND pg_has_role(w.oid, r.oid, 'MEMBER')
  UNION ALL
  SELECT w.subject, 'has the right ' || p.privilege,
         format('REVOKE %s ON synclog.events FROM %s', p.privilege, coalesce((
           SELECT string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, ', ')
           FROM pg_catalog.pg_class c, aclexplode(c.relacl) AS a
           WHERE c.oid = l.oid AND a.privilege_type = p.privilege
             AND (a.grantee = 0 OR pg_has_role(w.oid, a.grantee, 'USAGE'))), w.name))
  FROM who w, log l, (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS p(privilege)
  WHERE NOT w.rolsuper AND NOT pg_has_role(w.oid, l.relowner, 'MEMBER')
    AND NOT pg_has_role(w.oid, 'pg_write_all_data', 'MEMBER')
    AND (has_table_privilege(w.oid, l.oid, p.privilege)
         OR (p.privilege = 'UPDATE' AND has_any_column_privilege(w.oid, l.oid, 'UPDATE')))
    -- what comes without SET ROLE, by inheritance or to everybody, is said of the login itself
    AND (w.is_self OR NOT (has_table_privilege(w.self, l.oid, p.privilege)
                           OR (p.privilege = 'UPDATE' AND has_any_column_privilege(w.self, l.oid, 'UPDATE'))))
), off AS (
  SELECT f.name, CASE f.source
                   WHEN 'global' THEN ': ALTER ROLE ALL RESET ' || f.name
                   WHEN 'user' THEN format(': ALTER ROLE %I RESET %s', session_user, f.name)
                   WHEN 'database' THEN format(': ALTER DATABASE %I RESET %s', current_database(), f.name)
                   WHEN 'database user' THEN format(': ALTER ROLE %I IN DATABASE %I RESET %s', session_user,
                                                    current_database(), f.name)
                   ELSE '' END AS fix
  FROM pg_catalog.pg_settings f
  WHERE f.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND f.setting = 'off'
)
SELECT 'loss' AS kind,
       format('%s = off: a crash would lose what was acknowledged. Set %s = on%s', o.name, o.name, o.fix) AS sentence
FROM off o
UNION ALL
SELECT 'loss', format('table %1$I.%2$I is UNLOGGED: a crash would empty it. ALTER TABLE %1$I.%2$I SET LOGGED', n.nspname,
                      c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u'
  AND (c.relnamespace = to_regnamespace('synclog')
       OR (c.relnamespace = to_regnamespace('public') AND c.relowner = (SELECT s.oid FROM service s)
           AND NOT starts_with(c.relname, 'synclog_shadow_')))
UNION ALL
SELECT 'power', format('database login %s %s, so whoever took over this server could alter the log; fix: %s', p.subject,
                       string_agg(p.power, ' and ' ORDER BY p.power), p.fix)
FROM powers p GROUP BY p.subject, p.fix
UNION ALL
SELECT 'power', 'the trigger append_only of synclog.events is missing or switched off, so its owner can change '
                'events; fix: `synclog migrate verify`'
FROM log l
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                  WHERE t.tgrelid = l.oid AND t.tgname = 'append_only' AND t.tgenabled = 'A')
ORDER BY 1, 2)sql";

core::result<log_guard> look_at_guard(const std::string& conninfo, const options& how) {
  auto database = session::open(conninfo, how.connect_timeout);
  if (!database) {
    return database.error();
  }
  return look(*database);
}

core::result<void> check_durability(const std::string& conninfo, const options& how) {
  auto database = session::open(conninfo, how.connect_timeout);
  if (!database) {
    return database.error();
  }
  const auto guard = look(*database);
  if (!guard) {
    return guard.error();
  }
  if (!guard->losses.empty()) {
    return refused(database->where() + ": " + guard->losses.front());
  }
  const auto server = database->query(read_server);
  if (!server) {
    return server.error();
  }
  if (server->at(0, 0) != "UTF8") {
    return refused(database->where() + " has the encoding " + std::string(server->at(0, 0)) +
                   ": create it with ENCODING 'UTF8'");
  }
  int version = 0;
  const std::string_view number = server->at(0, 1);
  std::from_chars(number.data(), number.data() + number.size(), version);
  if (version < oldest_server) {
    return refused(database->where() + " runs PostgreSQL " + std::to_string(version / 10'000) +
                   ": 14 or newer is needed");
  }
  if (server->at(0, 2) == "t" || server->at(0, 3) == "on") {
    return refused(database->where() +
                   " is read-only (a standby, or default_transaction_read_only): connect to the primary");
  }
  return {};
}

} // namespace synclog::migrations
