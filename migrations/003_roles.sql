-- What the service role had and does not need, and what it needs and may not have. docs/security.md lists every right.

-- Only `replay import` gives an empty log another identity, and takes that step as the owner. A server has no use for it.
REVOKE EXECUTE ON FUNCTION synclog.adopt_log_id(uuid) FROM synclog_app;

-- The service role owns the read tables, because it replaces them. Made by another login, they change hands.
DO $$
DECLARE
  table_name text;
  owner_name text;
BEGIN
  FOR table_name, owner_name IN
    SELECT c.oid::regclass::text, quote_ident(pg_get_userbyid(c.relowner))
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relowner <> 'synclog_app'::regrole
      AND (c.relname IN (SELECT t.table_name FROM synclog.read_tables t)
           -- the service role writes these rows: a name there is not enough to be given away
           AND 6 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                      AND a.attname IN ('id', 'version', 'position', 'created_at', 'updated_at', 'doc'))
           -- what interrupted rebuilds left, which the next one drops
           OR (starts_with(c.relname, 'synclog_shadow_')
               AND starts_with(obj_description(c.oid, 'pg_class'), 'synclog: a read table of ')))
    ORDER BY 1
  LOOP
    BEGIN
      EXECUTE format('ALTER TABLE %s OWNER TO synclog_app', table_name);
    EXCEPTION
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'read table % belongs to %, and % may not give it to synclog_app', table_name, owner_name, current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = format('As a superuser run: ALTER TABLE %s OWNER TO synclog_app;', table_name);
    END;
  END LOOP;
END
$$;
