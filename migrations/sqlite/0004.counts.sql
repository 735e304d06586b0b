-- What a page counts is answered by an index, a host is found by the name that a person gave it, and an update tells
-- since when it waits.
-- depends: 0003.series

-- The names that a host has besides its own, as searches compare them: see `_name_hosts` in the stores.
ALTER TABLE hosts ADD COLUMN search TEXT NOT NULL DEFAULT '';

-- The muted, whose updates are neither pending nor done.
CREATE INDEX series_muted ON series (id) WHERE muted_at IS NOT NULL;

-- What else was done to an update whose action is undone.
CREATE INDEX action_items_of_update ON action_items (update_id) WHERE update_id IS NOT NULL;

-- `opened_at`: when this version asked for attention, whatever digests it had since. `waiting_since`: the first of these
-- times among the open versions, for the newest of them; for every other version its own. When one asked again that had
-- been done is not known here; the time of its newest digest is taken. What comes from 0002 has no series yet, and gets
-- these with it.
ALTER TABLE updates ADD COLUMN opened_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE updates ADD COLUMN waiting_since INTEGER NOT NULL DEFAULT 0;

UPDATE updates
   SET opened_at = iif(done_at IS NULL, first_seen_at, received_at);

UPDATE updates
   SET waiting_since = iif(
           acknowledged_at IS NULL AND NOT folded,
           coalesce(
               (
                   SELECT min(u.opened_at)
                     FROM updates AS u
                    WHERE u.series_id = updates.series_id AND u.acknowledged_at IS NULL
               ),
               opened_at
           ),
           opened_at
       );

DROP INDEX updates_open;

-- The pending page, newest first: what is folded under a newer version is no row of it. It holds all that rows are
-- counted, sorted and grouped by, so that only those of one page are read whole.
CREATE INDEX updates_open ON updates (
    received_at, id, series_id, kind, tag_id, registry, provider, name, stack, hostname, waiting_since, acknowledged_at,
    folded
) WHERE acknowledged_at IS NULL AND NOT folded;

-- The choices among what is done, in the order in which they are grouped.
CREATE INDEX updates_counted ON updates (
    registry, kind, provider, tag_id, hostname, series_id, received_at, waiting_since, acknowledged_at
) WHERE acknowledged_at IS NOT NULL;
