-- Proves a range of synclog's log with nothing but PostgreSQL's own functions; docs/audit.md says what it means.
--   psql "$DATABASE_URL" -v first=1 -v last=100000 -f docs/audit-chain.sql
-- No row: nothing is wrong between the two positions, both included, if the event before `first` is right. A row `end`
-- names the head of a log that ends before `last`: behind it there was nothing to prove.
-- Nothing of schema synclog is called, so nobody's function has to be trusted but sha256(), convert_to() and those that
-- write numbers as bytes. Built-in names are written out, so that no other schema can stand in for them.
\set ON_ERROR_STOP on
SET search_path = pg_catalog;
WITH walked AS (
  SELECT e.*, uuid_send(m.log_id) AS log,
    lag(e.position, 1, CASE WHEN :first = 1 THEN 0::bigint END) OVER by_position AS position_before,
    lag(e.recorded_at) OVER by_position AS time_before,
    lag(e.hash, 1, CASE WHEN :first = 1 THEN sha256('\x00'::bytea || convert_to('synclog', 'UTF8') || uuid_send(m.log_id)) END)
      OVER by_position AS hash_before
  FROM synclog.events AS e CROSS JOIN synclog.log_meta AS m
  WHERE e.position BETWEEN :first - 1 AND :last
  WINDOW by_position AS (ORDER BY e.position)
), texts AS (
  -- Each field of the envelope in its order, as bytes.
  SELECT w.*, ARRAY[log, int8send(position), convert_to(entity, 'UTF8'), convert_to(record_id, 'UTF8'), int8send(version),
    convert_to(action, 'UTF8'), convert_to(branch, 'UTF8'), convert_to(previous_branch, 'UTF8'),
    int8send((extract(epoch FROM recorded_at) * 1000000)::bigint), convert_to(meta::text, 'UTF8')] AS fields
  FROM walked AS w WHERE position >= :first
), hashed AS (
  SELECT t.*, sha256('\x01'::bytea || hash_before
    || sha256((SELECT string_agg(coalesce(int4send(octet_length(f)) || f, '\xffffffff'::bytea), ''::bytea ORDER BY place)
               FROM unnest(fields) WITH ORDINALITY AS field(f, place)))
    || CASE WHEN data_hash IS NULL THEN sha256(salt || convert_to(data::text, 'UTF8'))
            WHEN data IS NULL AND salt IS NULL THEN data_hash END) AS computed
  FROM texts AS t
)
SELECT position, CASE WHEN position_before IS DISTINCT FROM position - 1 THEN 'gap before it'
                      WHEN computed IS DISTINCT FROM hash THEN 'hash'
                      ELSE 'earlier than the event before it' END AS wrong,
  encode(hash, 'hex') AS stored, encode(computed, 'hex') AS computed
FROM hashed
WHERE position_before IS DISTINCT FROM position - 1 OR computed IS DISTINCT FROM hash OR recorded_at < time_before
UNION ALL
SELECT head.position, 'end', NULL, NULL
FROM (SELECT coalesce(max(e.position), 0) AS position FROM synclog.events AS e) AS head WHERE head.position < :last
ORDER BY position;

-- Versions follow from each record's own history. No row: nothing is wrong in the records of the range.
SELECT position, entity, record_id, version, action
FROM (
  SELECT e.position, entity, record_id, version, action,
    lag(version, 1, 0::bigint) OVER history AS version_before,
    lag(e.position, 1, 0::bigint) OVER history AS position_before,
    lag(action, 1, 'deleted'::text) OVER history AS action_before
  FROM synclog.events AS e
  WHERE (entity, record_id) IN (SELECT r.entity, r.record_id FROM synclog.events AS r WHERE r.position BETWEEN :first AND :last)
  WINDOW history AS (PARTITION BY entity, record_id ORDER BY version)
) AS followed
WHERE version <> version_before + 1 OR position < position_before
  OR (action <> 'reverted' AND (action = 'created') <> (action_before = 'deleted')) OR (action = 'reverted' AND version = 1)
ORDER BY position;
