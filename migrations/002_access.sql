-- Who may call: tokens, the sessions that browsers make of them, and tickets for one WebSocket. Secrets are never here,
-- only their SHA-256. docs/security.md says what each role may do.

CREATE TABLE synclog.tokens (
  id           text COLLATE "C" PRIMARY KEY,
  name         text COLLATE "C" NOT NULL CHECK (name <> ''),  -- the actor of what it writes
  role         text COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'editor', 'auditor', 'admin')),
  branches     text[] COLLATE "C" NOT NULL DEFAULT '{}',
  secret_hash  bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  created_at   timestamptz NOT NULL,
  created_by   text NOT NULL,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_on date,
  -- Who audits or administers sees the whole; a part of it would be neither.
  CONSTRAINT tokens_whole_roles CHECK (branches = '{}' OR role IN ('viewer', 'editor'))
);
COMMENT ON COLUMN synclog.tokens.branches IS 'Empty: all of them, and records without a branch.';
COMMENT ON COLUMN synclog.tokens.last_used_on IS 'The day only: a write for each request would cost more than it tells.';
CREATE UNIQUE INDEX tokens_live_name ON synclog.tokens (name) WHERE revoked_at IS NULL;

CREATE TABLE synclog.sessions (
  id          text COLLATE "C" PRIMARY KEY,
  token_id    text COLLATE "C" NOT NULL REFERENCES synclog.tokens,
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  user_agent  text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_of_token ON synclog.sessions (token_id);

-- A row and not memory: any server of the database may be the one that the socket reaches. Whoever deletes it has it.
CREATE TABLE synclog.tickets (
  secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
  token_id    text COLLATE "C" NOT NULL REFERENCES synclog.tokens,
  session_id  text COLLATE "C" REFERENCES synclog.sessions ON DELETE CASCADE,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX tickets_of_token ON synclog.tickets (token_id);
CREATE INDEX tickets_of_session ON synclog.tickets (session_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Each change of a token is an event of the log, in the transaction of the change: entity 'admin/tokens', which no
-- definition can be called, `created` when it is made, `deleted` when it is revoked. The service role may not write
-- synclog.tokens, only call the two functions below: there is no change without its event. They do not wait for long for
-- the head lock (55P03): whoever asks may ask again, and a server has few connections for this.

CREATE FUNCTION synclog.append_token_event(
  kind text, token_id text, token_version bigint, token_state text, event_meta json, event_salt bytea) RETURNS timestamptz
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  log uuid := (SELECT m.log_id FROM synclog.log_meta m);
  head synclog.events;
  made synclog.events;
  moment text;
BEGIN
  -- The caller holds the head lock. A statement of its own: it sees what was committed before the lock was had.
  SELECT * INTO head FROM synclog.events e ORDER BY e.position DESC LIMIT 1;
  made.position := coalesce(head.position, 0) + 1;
  made.version := token_version;
  made.recorded_at := greatest(clock_timestamp(), head.recorded_at);
  made.action := kind;
  made.entity := 'admin/tokens';
  made.record_id := token_id;
  made.meta := event_meta;
  made.salt := event_salt;
  IF kind = 'deleted' THEN
    made.data := token_state::json;
  ELSE
    moment := to_char(made.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    made.data := format('{"id":%s,"version":%s,"position":%s,"created_at":"%s","updated_at":"%s",%s}', to_json(token_id),
                        token_version, made.position, moment, moment, token_state)::json;
  END IF;
  made.hash := synclog.event_hash(coalesce(head.hash, synclog.genesis_hash(log)), log, made);
  INSERT INTO synclog.events SELECT made.*;
  PERFORM pg_notify('synclog_head', '');
  RETURN made.recorded_at;
END
$$;

-- Raises SL002 when the name may not be had. The moment of its event.
CREATE FUNCTION synclog.create_token(
  token_id text, token_name text, token_role text, token_branches text[], token_hash bytea, token_expires timestamptz,
  creator text, event_meta json, event_salt bytea) RETURNS timestamptz
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  state text;
  recorded timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(x'0073796e636c6f67'::bigint);  -- the head of the log: one change at a time
  IF EXISTS (SELECT FROM synclog.tokens t WHERE t.name = token_name AND t.revoked_at IS NULL) THEN
    RAISE EXCEPTION 'a token of the name % exists: revoke it first, or choose another name', token_name
      USING ERRCODE = 'SL002';
  END IF;
  -- Answers to Idempotency-Keys belong to the actor, which is the name: whoever has it next must see what it saw.
  IF EXISTS (SELECT FROM synclog.tokens t WHERE t.name = token_name AND token_branches <> '{}'
               AND (t.branches = '{}' OR NOT t.branches <@ token_branches)) THEN
    RAISE EXCEPTION 'an earlier token of the name % saw branches that this one would not: choose another name', token_name
      USING ERRCODE = 'SL002';
  END IF;
  state := format('"name":%s,"role":%s,"branches":%s,"expires_at":%s', to_json(token_name), to_json(token_role),
                  array_to_json(token_branches),
                  coalesce('"' || to_char(token_expires AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"', 'null'));
  recorded := synclog.append_token_event('created', token_id, 1, state, event_meta, event_salt);
  INSERT INTO synclog.tokens (id, name, role, branches, secret_hash, created_at, created_by, expires_at)
  VALUES (token_id, token_name, token_role, token_branches, token_hash, recorded, creator, token_expires);
  RETURN recorded;
END
$$;

-- By id, or by name when no id is this; its sessions and tickets go along. The token's id; NULL: none is live that is
-- called so.
CREATE FUNCTION synclog.revoke_token(which text, event_meta json, event_salt bytea) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  found_id text;
  state text;
  last_version bigint;
  recorded timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(x'0073796e636c6f67'::bigint);
  SELECT t.id INTO found_id FROM synclog.tokens t
  WHERE t.revoked_at IS NULL AND (t.id = which OR t.name = which) ORDER BY t.id <> which LIMIT 1;
  IF found_id IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT e.data::text, e.version INTO state, last_version FROM synclog.events e
  WHERE e.entity = 'admin/tokens' AND e.record_id = found_id ORDER BY e.version DESC LIMIT 1;
  recorded := synclog.append_token_event('deleted', found_id, coalesce(last_version, 0) + 1, coalesce(state, '{}'),
                                         event_meta, event_salt);
  UPDATE synclog.tokens t SET revoked_at = recorded WHERE t.id = found_id;
  DELETE FROM synclog.tickets k WHERE k.token_id = found_id;
  DELETE FROM synclog.sessions s WHERE s.token_id = found_id;
  PERFORM pg_notify('synclog_access', '');
  RETURN found_id;
END
$$;

REVOKE ALL ON synclog.tokens, synclog.sessions, synclog.tickets FROM PUBLIC;
REVOKE ALL ON FUNCTION
  synclog.append_token_event(text, text, bigint, text, json, bytea),
  synclog.create_token(text, text, text, text[], bytea, timestamptz, text, json, bytea),
  synclog.revoke_token(text, json, bytea) FROM PUBLIC;

GRANT SELECT, UPDATE (last_used_on) ON synclog.tokens TO synclog_app;
GRANT SELECT, INSERT, DELETE ON synclog.sessions, synclog.tickets TO synclog_app;
GRANT EXECUTE ON FUNCTION
  synclog.create_token(text, text, text, text[], bytea, timestamptz, text, json, bytea),
  synclog.revoke_token(text, json, bytea) TO synclog_app;
