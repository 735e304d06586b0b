-- What a page counts is answered by an index, and a host is found by the name that a person gave it.
-- depends: 0003.series

-- The names that a host has besides its own, as searches compare them: see `_name_hosts` in the stores.
ALTER TABLE hosts ADD COLUMN search text NOT NULL COLLATE "C" DEFAULT '';

-- The muted, whose updates are neither pending nor done.
CREATE INDEX series_muted ON series (id) WHERE muted_at IS NOT NULL;

DROP INDEX updates_acknowledged;

-- The acknowledged page, newest first, and most of what is counted of it.
CREATE INDEX updates_acknowledged ON updates (received_at, id) INCLUDE (series_id, kind, tag_id)
 WHERE acknowledged_at IS NOT NULL;
