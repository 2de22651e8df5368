-- What the rows of a batch travel as, one array of rows a statement: PostgreSQL takes that apart for less than an array
-- a column. Types of their own and not the tables': a column more is then no other wire format.

CREATE TYPE synclog.event_row AS (
  position        bigint,
  recorded_at     timestamptz,
  version         bigint,
  action          text,
  entity          text,
  record_id       text,
  branch          text,
  previous_branch text,
  data            json,
  salt            bytea,
  data_hash       bytea,
  meta            json,
  hash            bytea
);
COMMENT ON TYPE synclog.event_row IS 'An event as it is sent to synclog.events.';

-- One type for every read table: its fields are texts that cast to its columns, in the definition's order.
CREATE TYPE synclog.record_row AS (
  id          text,
  version     bigint,
  position    bigint,
  created_at  timestamptz,
  updated_at  timestamptz,
  fields      text[],
  search_text text,
  doc         json
);
COMMENT ON TYPE synclog.record_row IS 'A record as it is sent to a read table.';
