-- Back to rules in the stores, which derive their columns anew at the next start. What is superseded counts as done, so
-- that it asks for nothing.
UPDATE version_rules
   SET number = 0;

DROP INDEX updates_open;

UPDATE updates
   SET acknowledged_at = received_at
 WHERE superseded AND acknowledged_at IS NULL;

-- The pending page, newest first: what is folded under a newer version is no row of it. It holds all that rows are
-- counted, sorted and grouped by, so that only those of one page are read whole.
CREATE INDEX updates_open ON updates (
    received_at, id, series_id, kind, tag_id, registry, provider, name, stack, hostname, waiting_since, acknowledged_at,
    folded
) WHERE acknowledged_at IS NULL AND NOT folded;

DROP INDEX updates_of_container;

ALTER TABLE updates DROP COLUMN ctn_id;

ALTER TABLE hosts DROP COLUMN metadata_shared_at;

UPDATE updates
   SET metadata = coalesce((SELECT value FROM json_each(updates.metadata) ORDER BY key LIMIT 1), '{}');

INSERT INTO tag_assignments (reference, tag_id, source)
SELECT u.registry || '/' || u.repository, min(t.id), 'metadata'
  FROM updates AS u
  JOIN tags AS t ON t.id = u.label_tag_id
 GROUP BY u.registry, u.repository
ON CONFLICT DO NOTHING;

ALTER TABLE updates DROP COLUMN label_tag_id;

ALTER TABLE updates DROP COLUMN pinned;

ALTER TABLE updates DROP COLUMN named;

ALTER TABLE updates DROP COLUMN older;

ALTER TABLE updates DROP COLUMN superseded;

ALTER TABLE series ADD COLUMN said_key TEXT NOT NULL DEFAULT '';

ALTER TABLE series DROP COLUMN rows;

ALTER TABLE series DROP COLUMN versions;

ALTER TABLE series DROP COLUMN label;

ALTER TABLE action_items DROP COLUMN digest;

ALTER TABLE actions DROP COLUMN told;

DROP INDEX notifications_of_update;

-- The history of one update.
CREATE INDEX notifications_of_update ON notifications (update_id, id);

ALTER TABLE notifications DROP COLUMN current;

ALTER TABLE notifications DROP COLUMN spoke;
