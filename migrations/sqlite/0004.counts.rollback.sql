DROP INDEX updates_counted;

DROP INDEX updates_open;

-- The pending page, newest first: what is folded under a newer version is no row of it. It holds all that rows are
-- counted, sorted and grouped by, so that only those of one page are read whole.
CREATE INDEX updates_open ON updates (
    received_at, id, series_id, kind, tag_id, registry, provider, name, stack
) WHERE acknowledged_at IS NULL AND NOT folded;

ALTER TABLE updates DROP COLUMN waiting_since;

ALTER TABLE updates DROP COLUMN opened_at;

DROP INDEX action_items_of_update;

DROP INDEX series_muted;

ALTER TABLE hosts DROP COLUMN search;
