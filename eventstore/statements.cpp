// See statements.hpp. The lock and the reads behind it are statements of their own: under READ COMMITTED each
// sees what was committed before it began, so whatever is read after the lock is the newest.
#include "eventstore/statements.hpp"

namespace synclog::eventstore::statements {

namespace {

statement_ptr named(const char* name, const char* sql) {
  return std::make_shared<const pg::statement>(pg::statement{name, sql});
}

} // namespace

const statement_ptr begin = named("begin", "BEGIN");
const statement_ptr commit = named("commit", "COMMIT");
const statement_ptr rollback = named("rollback", "ROLLBACK");
const statement_ptr lock_head = named("lock_head", "SELECT pg_advisory_xact_lock($1::bigint)");
const statement_ptr read_log_id = named("read_log_id", "SELECT log_id FROM synclog.log_meta");

const statement_ptr read_head = named("read_head", R"(
  SELECT position, hash, recorded_at FROM synclog.events ORDER BY position DESC LIMIT 1)");

const statement_ptr read_batch_head = named("read_batch_head", R"(
  SELECT h.position, h.hash, h.recorded_at, d.revisions
  FROM (SELECT coalesce(sum(revision), 0)::bigint AS revisions FROM synclog.definitions) AS d
  LEFT JOIN (SELECT position, hash, recorded_at FROM synclog.events ORDER BY position DESC LIMIT 1) AS h ON true)");

// A cast that cannot be done is the only error that plain SQL can raise with words of its own; they stand in
// the database's log. Made of the row, so that the planner does not do it beforehand.
const statement_ptr fence_head = named("fence_head", R"(
  SELECT CASE WHEN h.position = $1::bigint AND h.hash = $2::bytea AND d.revisions = $3::bigint THEN 0
              ELSE ('synclog: others have written; the log ends at ' || coalesce(h.position, 0) || ' and not at ' || $1::bigint)::int
         END
  FROM (SELECT coalesce(sum(revision), 0)::bigint AS revisions FROM synclog.definitions) AS d
  LEFT JOIN (SELECT position, hash FROM synclog.events ORDER BY position DESC LIMIT 1) AS h ON true)");

const statement_ptr fence_erased = named("fence_erased", R"(
  SELECT ('synclog: the data of event ' || e.position || ' was erased')::int
  FROM synclog.events AS e WHERE e.position = ANY($1::bigint[]) AND e.data_hash IS NOT NULL)");

const statement_ptr read_definitions = named("read_definitions", R"(
  SELECT name, revision, fingerprint FROM synclog.definitions)");

const statement_ptr latest_of_records = named("latest_of_records", R"(
  SELECT k.ordinal, e.version, e.position, e.action, e.data
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(entity, record_id, ordinal)
  CROSS JOIN LATERAL (
    SELECT version, position, action, data FROM synclog.events e
    WHERE e.entity = k.entity AND e.record_id = k.record_id
    ORDER BY e.version DESC LIMIT 1) e)");

const statement_ptr find_answers = named("find_answers", R"(
  SELECT k.ordinal, i.fingerprint, i.answer
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(actor, key, ordinal)
  JOIN synclog.idempotency i ON i.actor = k.actor AND i.key = k.key)");

const statement_ptr insert_events = named("insert_events", R"(
  INSERT INTO synclog.events
    (position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash)
  SELECT u.position, u.recorded_at, u.version, u.action, u.entity, u.record_id, u.branch, u.previous_branch, u.data, u.salt,
         u.data_hash, u.meta, u.hash
  FROM unnest($1::synclog.event_row[]) AS u)");

const statement_ptr insert_event = named("insert_event", R"(
  INSERT INTO synclog.events
    (position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, meta, hash)
  VALUES ($1::bigint, $2::timestamptz, $3::bigint, $4::text, $5::text, $6::text, $7::text, $8::text, $9::json, $10::bytea,
          $11::json, $12::bytea))");

const statement_ptr insert_answers = named("insert_answers", R"(
  INSERT INTO synclog.idempotency (actor, key, fingerprint, answer, first_position, recorded_at)
  SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::json[], $5::bigint[], $6::timestamptz[]))");

const statement_ptr notify_head = named("notify_head", "NOTIFY synclog_head");
const statement_ptr hash_at = named("hash_at", "SELECT hash FROM synclog.events WHERE position = $1::bigint");
const statement_ptr data_at = named("data_at", R"(
  SELECT position, data FROM synclog.events WHERE position = ANY($1::bigint[]))");

const statement_ptr page_after = named("page_after", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint)");

// pg_column_size() does not fetch what is stored out of line.
const statement_ptr states_at = named("states_at", R"(
  SELECT s.action, s.data
  FROM (
    SELECT k.ordinal, e.action, CASE WHEN e.action <> 'deleted' THEN e.data END AS data,
           sum(CASE WHEN e.action <> 'deleted' THEN pg_column_size(e.data) END)
             OVER (ORDER BY k.ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS k(entity, record_id, version, ordinal)
    LEFT JOIN synclog.events e ON e.entity = k.entity AND e.record_id = k.record_id AND e.version = k.version) s
  WHERE coalesce(s.bytes_before, 0) < $4::bigint
  ORDER BY s.ordinal)");

const statement_ptr event_at = named("event_at", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE position = $1::bigint)");

const statement_ptr record_history = named("record_history", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE entity = $1::text AND record_id = $2::text AND version > $3::bigint
  ORDER BY version LIMIT $4::bigint)");

const statement_ptr page_within = named("page_within", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM (
    SELECT e.*, sum(coalesce(octet_length(e.data::text), 0) + octet_length(e.meta::text))
      OVER (ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM (SELECT * FROM synclog.events WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint) e) p
  WHERE coalesce(p.bytes_before, 0) < $3::bigint
  ORDER BY position)");

const statement_ptr hashes_after = named("hashes_after", R"(
  SELECT position, hash FROM synclog.events WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint)");

const statement_ptr versions_of_records = named("versions_of_records", R"(
  SELECT k.ordinal, e.version, e.action, (e.data IS NULL)::int::bigint, e.branch
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(entity, record_id, ordinal)
  CROSS JOIN LATERAL (
    SELECT version, action, data, branch FROM synclog.events e
    WHERE e.entity = k.entity AND e.record_id = k.record_id
    ORDER BY e.version DESC LIMIT 1) e)");

} // namespace synclog::eventstore::statements
