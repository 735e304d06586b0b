-- What a page counts is answered by an index, a host is found by the name that a person gave it, and an update tells
-- since when it waits.
-- depends: 0003.series

-- The names that a host has besides its own, as searches compare them: see `_name_hosts` in the stores.
ALTER TABLE hosts ADD COLUMN search text NOT NULL COLLATE "C" DEFAULT '';

-- The muted, whose updates are neither pending nor done.
CREATE INDEX series_muted ON series (id) WHERE muted_at IS NOT NULL;

-- What else was done to an update whose action is undone.
CREATE INDEX action_items_of_update ON action_items (update_id) WHERE update_id IS NOT NULL;

-- `opened_at`: when this version asked for attention, whatever digests it had since. `waiting_since`: the first of these
-- times among the open versions, for the newest of them; for every other version its own. When one asked again that had
-- been done is not known here; the time of its newest digest is taken. What comes from 0002 has no series yet, and gets
-- these with it. A process of an older release that goes on for a while leaves both to their defaults.
ALTER TABLE updates
    ADD COLUMN opened_at timestamptz,
    ADD COLUMN waiting_since timestamptz;

UPDATE updates
   SET opened_at = CASE WHEN done_at IS NULL THEN first_seen_at ELSE received_at END;

UPDATE updates AS u
   SET waiting_since = CASE
           WHEN u.acknowledged_at IS NULL AND NOT u.folded
           THEN coalesce(
               (SELECT min(v.opened_at) FROM updates AS v WHERE v.series_id = u.series_id AND v.acknowledged_at IS NULL),
               u.opened_at
           )
           ELSE u.opened_at
       END;

ALTER TABLE updates
    ALTER COLUMN opened_at SET NOT NULL,
    ALTER COLUMN opened_at SET DEFAULT now(),
    ALTER COLUMN waiting_since SET NOT NULL,
    ALTER COLUMN waiting_since SET DEFAULT now();

DROP INDEX updates_open;

-- The pending page, newest first: what is folded under a newer version is no row of it. Names may be longer than an
-- entry of an index can be; what is bounded is in it, so that most of what is counted needs no look at the rows.
CREATE INDEX updates_open ON updates (received_at, id) INCLUDE (series_id, kind, tag_id, waiting_since)
 WHERE acknowledged_at IS NULL AND NOT folded;

DROP INDEX updates_acknowledged;

-- The acknowledged page, newest first, and most of what is counted of it.
CREATE INDEX updates_acknowledged ON updates (received_at, id) INCLUDE (series_id, kind, tag_id, waiting_since)
 WHERE acknowledged_at IS NOT NULL;
