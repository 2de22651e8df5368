-- Events :first to :last, and their rows of the read table, with hashes that chain nothing: for measuring what a log's
-- length costs, never for proving anything.
BEGIN;
INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, branch, hash, salt, meta, data)
SELECT n, 1, '2026-01-01Z'::timestamptz + n * interval '1 millisecond', 'created', 'clients',
  'CLT-019a0000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'branch-' || lpad((n % 20)::text, 2, '0'),
  sha256(int8send(n)), substr(sha256(int8send(n)), 1, 16), '{"actor":"anonymous"}'::json,
  ('{"id":"CLT-019a0000-0000-7000-8000-' || lpad(n::text, 12, '0') || '","version":1,"position":' || n
   || ',"created_at":"2026-01-01T00:00:00.000000Z","updated_at":"2026-01-01T00:00:00.000000Z","reference_number":"R-' || n
   || '","full_name":"Client ' || n || '","phone":"+43 660 ' || n || '","email":"c' || n
   || '@example.com","gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17","city":"Graz","branch":"branch-'
   || lpad((n % 20)::text, 2, '0') || '","data":{"height":172,"weight":64,"notes":"first visit, came by herself"}}')::json
FROM generate_series(:first::bigint, :last::bigint) AS n;
INSERT INTO public.clients (id, version, position, created_at, updated_at, reference_number, full_name, phone, email, gender,
  date_of_birth, address, city, branch, data, search_text, doc)
SELECT record_id, version, position, recorded_at, recorded_at, 'R-' || position, 'Client ' || position,
  '+43 660 ' || position, 'c' || position || '@example.com', 'f', '1985-07-14', 'Long Street 17', 'Graz', branch,
  data -> 'data', lower(concat_ws(chr(31), data ->> 'full_name', data ->> 'phone', data ->> 'reference_number')), data
FROM synclog.events WHERE position BETWEEN :first AND :last;
COMMIT;
