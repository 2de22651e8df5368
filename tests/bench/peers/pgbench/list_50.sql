-- The newest 50 of one of 20 branches, as synclog's lists order them.
\set b random(0, 19)
SELECT doc FROM clients WHERE branch = 'branch-' || lpad(:b::text, 2, '0') ORDER BY created_at DESC, id DESC LIMIT 50;
