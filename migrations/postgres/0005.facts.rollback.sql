-- Back to rules in the stores, which derive their columns anew at the next start. What is superseded counts as done, so
-- that it asks for nothing.
UPDATE version_rules
   SET number = 0;

DROP INDEX updates_open;

UPDATE updates
   SET acknowledged_at = received_at
 WHERE superseded AND acknowledged_at IS NULL;

-- The pending page, newest first: what is folded under a newer version is no row of it. Names may be longer than an
-- entry of an index can be; what is bounded is in it, so that most of what is counted needs no look at the rows.
CREATE INDEX updates_open ON updates (received_at, id) INCLUDE (series_id, kind, tag_id, waiting_since)
 WHERE acknowledged_at IS NULL AND NOT folded;

DROP INDEX updates_of_container;

ALTER TABLE hosts DROP COLUMN metadata_shared_at;

UPDATE updates AS u
   SET metadata = coalesce((SELECT value FROM jsonb_each(u.metadata) ORDER BY key COLLATE "C" LIMIT 1), '{}');

INSERT INTO tag_assignments (reference, tag_id, source)
SELECT u.registry || '/' || u.repository, min(t.id), 'metadata'
  FROM updates AS u
  JOIN tags AS t ON t.id = u.label_tag_id
 GROUP BY u.registry, u.repository
ON CONFLICT (reference_key) DO NOTHING;

ALTER TABLE updates
    DROP COLUMN ctn_id,
    DROP COLUMN label_tag_id,
    DROP COLUMN pinned,
    DROP COLUMN named,
    DROP COLUMN older,
    DROP COLUMN superseded;

ALTER TABLE series
    ADD COLUMN said_key text NOT NULL COLLATE "C" DEFAULT '',
    DROP COLUMN rows,
    DROP COLUMN versions,
    DROP COLUMN label;

ALTER TABLE action_items DROP COLUMN digest;

ALTER TABLE actions DROP COLUMN told;

DROP INDEX notifications_of_update;

-- The history of one update.
CREATE INDEX notifications_of_update ON notifications (update_id, id);

ALTER TABLE notifications
    DROP COLUMN current,
    DROP COLUMN spoke;
