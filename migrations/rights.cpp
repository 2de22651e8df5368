// See rights.hpp. A new table or function of a migration is added here, or stays closed to the service.
#include "migrations/rights.hpp"

namespace synclog::migrations {

const char* const rights_sql = R"sql(
WITH wanted(kind, object, privilege) AS (
  SELECT 'TABLE', 'synclog.' || t.name, p.privilege
  FROM (VALUES ('events', '{SELECT,INSERT}'::text[]), ('idempotency', '{SELECT,INSERT}'), ('log_meta', '{SELECT}'),
               ('migrations', '{SELECT}'), ('definitions', '{SELECT,INSERT,UPDATE}'),
               ('read_tables', '{SELECT,INSERT,UPDATE}'), ('tokens', '{SELECT}'), ('sessions', '{SELECT,INSERT,DELETE}'),
               ('tickets', '{SELECT,INSERT,DELETE}')) AS t(name, privileges), unnest(t.privileges) AS p(privilege)
  UNION ALL VALUES
    ('TABLE', 'synclog.tokens', 'UPDATE (last_used_on)'),
    ('SCHEMA', 'synclog', 'USAGE'), ('SCHEMA', 'public', 'USAGE'), ('SCHEMA', 'public', 'CREATE')
  UNION ALL
  SELECT 'FUNCTION', 'synclog.' || f.name, 'EXECUTE'
  FROM unnest('{genesis_hash,envelope_hash,data_hash,event_hash,verify_chain,create_token,revoke_token}'::text[]) AS f(name)
), held(kind, object, privilege) AS (
  SELECT 'TABLE', 'synclog.' || quote_ident(c.relname), p.privilege
  FROM pg_catalog.pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p(privilege)
  WHERE c.relnamespace = 'synclog'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND has_table_privilege('synclog_app', c.oid, p.privilege)
  UNION ALL
  SELECT 'TABLE', 'synclog.' || quote_ident(c.relname), format('%s (%I)', p.privilege, a.attname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
       unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS p(privilege)
  WHERE c.relnamespace = 'synclog'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND has_column_privilege('synclog_app', c.oid, a.attnum, p.privilege)
    AND NOT has_table_privilege('synclog_app', c.oid, p.privilege)
  UNION ALL
  SELECT 'SEQUENCE', 'synclog.' || quote_ident(c.relname), p.privilege
  FROM pg_catalog.pg_class c, unnest('{USAGE,SELECT,UPDATE}'::text[]) AS p(privilege)
  WHERE c.relnamespace = 'synclog'::regnamespace AND c.relkind = 'S'
    AND has_sequence_privilege('synclog_app', c.oid, p.privilege)
  UNION ALL
  SELECT 'FUNCTION', 'synclog.' || quote_ident(f.proname), 'EXECUTE'
  FROM pg_catalog.pg_proc f
  WHERE f.pronamespace = 'synclog'::regnamespace AND has_function_privilege('synclog_app', f.oid, 'EXECUTE')
  UNION ALL
  SELECT 'SCHEMA', n.nspname, p.privilege
  FROM pg_catalog.pg_namespace n, unnest('{USAGE,CREATE}'::text[]) AS p(privilege)
  WHERE n.nspname IN ('synclog', 'public') AND has_schema_privilege('synclog_app', n.oid, p.privilege)
)
SELECT format('the service role synclog_app lacks a right: GRANT %s ON %s %s TO synclog_app', w.privilege, w.kind, w.object)
FROM (TABLE wanted EXCEPT TABLE held) AS w
UNION ALL
SELECT format('the service role synclog_app has a right too many: %s on %s; revoke that', h.privilege, h.object)
FROM (TABLE held EXCEPT TABLE wanted) AS h
UNION ALL
SELECT format('the service role synclog_app has the attribute %1$s: ALTER ROLE synclog_app NO%1$s', a.attribute)
FROM pg_catalog.pg_roles r, LATERAL (VALUES ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
                                            ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls)) AS a(attribute, held)
WHERE r.rolname = 'synclog_app' AND a.held
UNION ALL
SELECT DISTINCT format('the service role synclog_app is a member of %1$I: REVOKE %1$I FROM synclog_app', g.rolname)
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
WHERE m.member = 'synclog_app'::regrole
ORDER BY 1)sql";

} // namespace synclog::migrations
