-- From time to time PostgreSQL vacuums what was written. At its default speed that keeps commits waiting for tens of
-- milliseconds, because what it writes goes through the write-ahead log first. A setting that somebody chose stays.
DO $$
DECLARE
  table_name text;
BEGIN
  FOR table_name IN
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE NOT coalesce(c.reloptions, '{}')::text LIKE '%autovacuum_vacuum_cost_%'
      AND (c.oid = 'synclog.events'::regclass
           OR (c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relowner = 'synclog_app'::regrole
               AND c.relname IN (SELECT t.table_name FROM synclog.read_tables t)))
    ORDER BY 1
  LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_cost_delay = 5)', table_name);
  END LOOP;
END
$$;
