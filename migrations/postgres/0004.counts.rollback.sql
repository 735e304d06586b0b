DROP INDEX updates_acknowledged;

-- The acknowledged page, newest first.
CREATE INDEX updates_acknowledged ON updates (received_at, id) WHERE acknowledged_at IS NOT NULL;

DROP INDEX updates_open;

ALTER TABLE updates
    DROP COLUMN opened_at,
    DROP COLUMN waiting_since;

-- The pending page, newest first: what is folded under a newer version is no row of it. Names may be longer than an
-- entry of an index can be; what is bounded is in it, so that most of what is counted needs no look at the rows.
CREATE INDEX updates_open ON updates (received_at, id) INCLUDE (series_id, kind, tag_id)
 WHERE acknowledged_at IS NULL AND NOT folded;

DROP INDEX action_items_of_update;

DROP INDEX series_muted;

ALTER TABLE hosts DROP COLUMN search;
