-- What a page counts is answered by an index, and a host is found by the name that a person gave it.
-- depends: 0003.series

-- The names that a host has besides its own, as searches compare them: see `_name_hosts` in the stores.
ALTER TABLE hosts ADD COLUMN search TEXT NOT NULL DEFAULT '';

-- The muted, whose updates are neither pending nor done.
CREATE INDEX series_muted ON series (id) WHERE muted_at IS NOT NULL;

DROP INDEX updates_open;

-- The pending page, newest first: what is folded under a newer version is no row of it. It holds all that rows are
-- counted, sorted and grouped by, so that only those of one page are read whole.
CREATE INDEX updates_open ON updates (
    received_at, id, series_id, kind, tag_id, registry, provider, name, stack, hostname, acknowledged_at, folded
) WHERE acknowledged_at IS NULL AND NOT folded;

-- The choices among what is done, in the order in which they are grouped.
CREATE INDEX updates_counted ON updates (
    registry, kind, provider, tag_id, hostname, series_id, received_at, acknowledged_at
) WHERE acknowledged_at IS NOT NULL;
