-- One client a transaction into a table of the shape of synclog's read table, the values of the load generator's record,
-- with time-ordered ids as there: the best case of the primary key's index.
\set n random(1000000000, 9999999999)
\set b random(0, 19)
INSERT INTO clients (id, version, position, created_at, updated_at, reference_number, full_name, phone, email, gender,
  date_of_birth, address, city, branch, data, search_text, doc)
VALUES ('CLT-' || to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint) || '-7000-8000-' || to_hex(:n::bigint),
  1, :n::bigint, now(), now(),
  'R-' || to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint) || '-' || to_hex(:n::bigint),
  'Client ' || :n, '+43 660 ' || :n, 'c' || :n || '@example.com', 'f', '1985-07-14', 'Long Street 17', 'Graz',
  'branch-' || lpad(:b::text, 2, '0'), '{"height":172,"weight":64,"notes":"first visit, came by herself"}',
  'client ' || :n || ' +43 660 ' || :n || ' r-' || to_hex(:n::bigint),
  ('{"id":"CLT-019ab000-0000-7000-8000-000000000000","version":1,"position":1000000,"created_at":"2026-11-23T04:05:06.123456Z","updated_at":"2026-11-23T04:05:06.123456Z","reference_number":"R-' || to_hex(:n::bigint) || '","full_name":"Client ' || :n || '","phone":"+43 660 ' || :n || '","email":"c' || :n || '@example.com","gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17","city":"Graz","branch":"branch-' || lpad(:b::text, 2, '0') || '","data":{"height":172,"weight":64,"notes":"first visit, came by herself"}}')::json);
