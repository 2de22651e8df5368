-- One of the newest thousand records, as the load generator reads; the bytes that synclog answers with. Ids as
-- tests/bench/compare/records.py makes them.
\set n random(99001, 100000)
SELECT doc FROM clients WHERE id = 'CLT-019a0000-0000-7000-8000-' || lpad(:n::text, 12, '0');
