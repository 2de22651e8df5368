-- The log and what stands beside it. Applied once, in one transaction, by the migration runner; never edited after a
-- release: the next change is a file with the next number. docs/event-log.md describes the format.

-- ---------------------------------------------------------------------------------------------------------------------
-- The service role. Roles belong to the whole cluster, and advisory locks only to one database, so another database
-- may be creating the same role at this moment: an existing one is as good as a new one, whoever was first.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'synclog_app') THEN
    BEGIN
      CREATE ROLE synclog_app NOLOGIN;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role synclog_app is missing and % may not create roles', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = format('As a superuser run: CREATE ROLE synclog_app; GRANT synclog_app TO %I;', current_user);
    END;
  END IF;
  -- Whoever migrates may also serve (SET ROLE synclog_app) and replace the read tables, which that role owns.
  IF NOT pg_has_role(current_user, 'synclog_app', 'MEMBER') THEN
    BEGIN
      EXECUTE format('GRANT synclog_app TO %I', current_user);
    EXCEPTION
      WHEN unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION '% is not a member of the role synclog_app and may not become one', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = format('As a superuser run: GRANT synclog_app TO %I;', current_user);
    END;
  END IF;
END
$$;

CREATE SCHEMA synclog;
COMMENT ON SCHEMA synclog IS 'The event log of synclog. Read tables, derived from it, live in schema public.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Which migrations ran. The runner adds the rows, also this file's own.

CREATE TABLE synclog.migrations (
  number     integer PRIMARY KEY CHECK (number > 0),
  name       text NOT NULL,
  checksum   bytea NOT NULL CHECK (octet_length(checksum) = 32),
  applied_at timestamptz NOT NULL DEFAULT now(),
  applied_by text NOT NULL DEFAULT session_user
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The identity of this log, made once: the chain begins with it, and every envelope carries it.

CREATE TABLE synclog.log_meta (
  log_id     uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now(),
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO synclog.log_meta DEFAULT VALUES;

-- ---------------------------------------------------------------------------------------------------------------------
-- The log. Fixed-width columns first, so that no row carries padding. Exactly two indexes: appending is bound by the
-- work of one backend, and every further index taxes it.

CREATE TABLE synclog.events (
  position        bigint NOT NULL CHECK (position > 0),
  version         bigint NOT NULL CHECK (version > 0),
  recorded_at     timestamptz NOT NULL,
  action          text COLLATE "C" NOT NULL CHECK (action IN ('created', 'updated', 'deleted', 'reverted')),
  entity          text COLLATE "C" NOT NULL,
  record_id       text COLLATE "C" NOT NULL,
  branch          text COLLATE "C",
  previous_branch text COLLATE "C",
  hash            bytea NOT NULL CHECK (octet_length(hash) = 32),
  salt            bytea CHECK (octet_length(salt) = 16),
  data_hash       bytea CHECK (octet_length(data_hash) = 32),
  meta            json NOT NULL,
  data            json,
  PRIMARY KEY (position),
  UNIQUE (entity, record_id, version),
  -- Either the data with its salt, or, once the data was erased, what they hashed to. Never both: a stored data_hash
  -- beside data would let the data be changed without breaking the chain.
  CONSTRAINT events_data_or_its_hash CHECK (
    (data IS NOT NULL AND salt IS NOT NULL AND data_hash IS NULL)
    OR (data IS NULL AND salt IS NULL AND data_hash IS NOT NULL))
) WITH (
  -- Insert-only: vacuum by a fixed number of new rows, and freeze at once what will never change again.
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_freeze_min_age = 0,
  autovacuum_analyze_scale_factor = 0.05,
  toast.autovacuum_vacuum_insert_scale_factor = 0,
  toast.autovacuum_vacuum_insert_threshold = 100000,
  toast.autovacuum_freeze_min_age = 0
);
COMMENT ON TABLE synclog.events IS 'Append-only. Positions are 1, 2, 3 … without gaps, in commit order; hash chains each event to the one before.';
COMMENT ON COLUMN synclog.events.branch IS 'NULL: the record has no branch.';
COMMENT ON COLUMN synclog.events.previous_branch IS 'NULL: the branch did not change. Empty: the record had none before.';
COMMENT ON COLUMN synclog.events.data_hash IS 'Only where data and salt were erased; stands in for them in the chain.';

DO $$
BEGIN
  ALTER TABLE synclog.events ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN meta SET COMPRESSION lz4;
EXCEPTION
  WHEN feature_not_supported THEN NULL;  -- a PostgreSQL built without lz4 keeps its default
END
$$;

-- Append-only for everybody, owner and superuser included. ENABLE ALWAYS: session_replication_role = replica switches
-- ordinary triggers off.
CREATE FUNCTION synclog.refuse_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'synclog.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'SL001', HINT = 'Correct a record by writing a new event.', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON synclog.events
  FOR EACH STATEMENT EXECUTE FUNCTION synclog.refuse_change();
ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only;

-- The log id is fixed from the first event on; before it, an imported log may bring its own.
CREATE FUNCTION synclog.refuse_new_identity() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NOT EXISTS (SELECT FROM synclog.events) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'synclog.log_meta is fixed: % is refused', TG_OP
    USING ERRCODE = 'SL001', HINT = 'The hash chain of this log begins with its id.', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;

CREATE TRIGGER fixed_identity BEFORE UPDATE OR DELETE OR TRUNCATE ON synclog.log_meta
  FOR EACH STATEMENT EXECUTE FUNCTION synclog.refuse_new_identity();
ALTER TABLE synclog.log_meta ENABLE ALWAYS TRIGGER fixed_identity;

-- For `replay import` into an empty log. Runs as the owner of the log, because the service role may only read log_meta.
CREATE FUNCTION synclog.adopt_log_id(id uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  LOCK TABLE synclog.events IN SHARE ROW EXCLUSIVE MODE;  -- nobody appends meanwhile
  UPDATE synclog.log_meta SET log_id = id;
END
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The chain, so that psql alone can check it. core/chain.hpp is the same in C++.
-- The bodies below are parsed here and now (RETURN, BEGIN ATOMIC), so the caller's search_path cannot change what they
-- mean; an explicit SET would only keep them from being inlined.

CREATE FUNCTION synclog.genesis_hash(log_id uuid) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN sha256('\x00'::bytea || '\x73796e636c6f67'::bytea || uuid_send(log_id));  -- 0x00, "synclog", the id

-- Each field is its length in four bytes, big-endian, and its bytes; NULL is ff ff ff ff.
CREATE FUNCTION synclog.envelope_hash(
  log_id uuid, event_position bigint, entity text, record_id text, version bigint, action text, branch text,
  previous_branch text, recorded_at timestamptz, meta json) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN sha256(
    '\x00000010'::bytea || uuid_send(log_id)
    || '\x00000008'::bytea || int8send(event_position)
    || int4send(octet_length(convert_to(entity, 'UTF8'))) || convert_to(entity, 'UTF8')
    || int4send(octet_length(convert_to(record_id, 'UTF8'))) || convert_to(record_id, 'UTF8')
    || '\x00000008'::bytea || int8send(version)
    || int4send(octet_length(convert_to(action, 'UTF8'))) || convert_to(action, 'UTF8')
    || coalesce(int4send(octet_length(convert_to(branch, 'UTF8'))) || convert_to(branch, 'UTF8'), '\xffffffff'::bytea)
    || coalesce(int4send(octet_length(convert_to(previous_branch, 'UTF8'))) || convert_to(previous_branch, 'UTF8'),
                '\xffffffff'::bytea)
    -- microseconds since 1970; extract() is numeric, so nothing is rounded
    || '\x00000008'::bytea || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint)
    || int4send(octet_length(convert_to(meta::text, 'UTF8'))) || convert_to(meta::text, 'UTF8'));

CREATE FUNCTION synclog.data_hash(e synclog.events) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN coalesce(sha256((e).salt || convert_to((e).data::text, 'UTF8')), (e).data_hash);

CREATE FUNCTION synclog.event_hash(previous bytea, log_id uuid, e synclog.events) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN sha256(
    '\x01'::bytea || previous
    || synclog.envelope_hash(log_id, (e).position, (e).entity, (e).record_id, (e).version, (e).action, (e).branch,
                             (e).previous_branch, (e).recorded_at, (e).meta)
    || synclog.data_hash(e));

-- What is wrong between two positions, both included: no rows = nothing. An open end is the head. Long logs are checked
-- range by range, because a statement that runs for long keeps vacuum from its work.
--   gap   the event before this one is missing          time  recorded earlier than the event before it
--   hash  the stored hash is not that of the content    end   the log ends before to_position
CREATE FUNCTION synclog.verify_chain(from_position bigint DEFAULT 1, to_position bigint DEFAULT NULL)
  RETURNS TABLE (event_position bigint, defect text, stored_hash bytea, computed_hash bytea)
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH identity AS (
    SELECT m.log_id FROM synclog.log_meta m
  ), walked AS (
    SELECT e AS event, e.position AS at, e.hash AS stored,
           CASE WHEN e.position = 1 THEN 0 ELSE lag(e.position) OVER steps END AS previous_position,
           CASE WHEN e.position = 1 THEN synclog.genesis_hash(i.log_id) ELSE lag(e.hash) OVER steps END AS previous_hash,
           lag(e.recorded_at) OVER steps AS previous_time,
           i.log_id
    FROM synclog.events e CROSS JOIN identity i
    WHERE e.position >= from_position - 1 AND (to_position IS NULL OR e.position <= to_position)
    WINDOW steps AS (ORDER BY e.position)
  ), checked AS (
    SELECT w.at, w.stored, w.previous_position, w.previous_time, (w.event).recorded_at AS recorded_at,
           CASE WHEN w.previous_position = w.at - 1 THEN synclog.event_hash(w.previous_hash, w.log_id, w.event) END AS computed
    FROM walked w
    WHERE w.at >= from_position
  )
  SELECT c.at, 'gap', c.stored, NULL::bytea FROM checked c WHERE c.previous_position IS DISTINCT FROM c.at - 1
  UNION ALL
  SELECT c.at, 'hash', c.stored, c.computed FROM checked c WHERE c.computed <> c.stored
  UNION ALL
  SELECT c.at, 'time', c.stored, c.computed FROM checked c WHERE c.recorded_at < c.previous_time
  UNION ALL
  SELECT head.position, 'end', NULL::bytea, NULL::bytea
  FROM (SELECT coalesce(max(e.position), 0) AS position FROM synclog.events e) head
  WHERE head.position < to_position
  ORDER BY 1;
END;

-- ---------------------------------------------------------------------------------------------------------------------
-- What was answered under an Idempotency-Key. Kept as long as the log.

CREATE TABLE synclog.idempotency (
  first_position bigint,  -- of the events it made; NULL when it made none
  recorded_at    timestamptz NOT NULL,
  actor          text COLLATE "C" NOT NULL,
  key            text COLLATE "C" NOT NULL,
  fingerprint    bytea NOT NULL,
  answer         json NOT NULL,
  PRIMARY KEY (actor, key)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_freeze_min_age = 0);

-- Entity definitions as adopted: further servers and subcommands read them here.
CREATE TABLE synclog.definitions (
  name        text COLLATE "C" PRIMARY KEY,
  revision    bigint NOT NULL,
  fingerprint bytea NOT NULL,
  definition  json NOT NULL,  -- the exact text that the fingerprint was taken of
  adopted_at  timestamptz NOT NULL DEFAULT now()
);

-- Which read table serves an entity, and of which definition it was built.
CREATE TABLE synclog.read_tables (
  entity      text COLLATE "C" PRIMARY KEY,
  table_name  text NOT NULL,
  fingerprint bytea NOT NULL,
  built_at    timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights: the service role appends and reads, and owns the read tables it makes in public.

REVOKE ALL ON SCHEMA synclog FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA synclog FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA synclog FROM PUBLIC;

GRANT USAGE ON SCHEMA synclog TO synclog_app;
GRANT SELECT, INSERT ON synclog.events, synclog.idempotency TO synclog_app;
GRANT SELECT ON synclog.log_meta, synclog.migrations TO synclog_app;
GRANT SELECT, INSERT, UPDATE ON synclog.definitions, synclog.read_tables TO synclog_app;
GRANT EXECUTE ON FUNCTION
  synclog.genesis_hash(uuid),
  synclog.envelope_hash(uuid, bigint, text, text, bigint, text, text, text, timestamptz, json),
  synclog.data_hash(synclog.events),
  synclog.event_hash(bytea, uuid, synclog.events),
  synclog.verify_chain(bigint, bigint),
  synclog.adopt_log_id(uuid) TO synclog_app;
GRANT USAGE, CREATE ON SCHEMA public TO synclog_app;

DO $$
BEGIN
  -- GRANT by somebody without the right to grant is only a warning.
  IF NOT has_schema_privilege('synclog_app', 'public', 'CREATE') THEN
    RAISE EXCEPTION 'role synclog_app may not create tables in schema public, and % may not allow it', current_user
      USING ERRCODE = 'insufficient_privilege',
            HINT = 'As the owner of the database run: GRANT USAGE, CREATE ON SCHEMA public TO synclog_app;';
  END IF;
END
$$;
