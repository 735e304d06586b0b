-- Back to updates without a series. What only a series can hold is lost: snoozes, mutes, notes, what runs, what people
-- did. Of the assignments, those that a person made stay: the others would look like a person's.

DROP TABLE version_rules;

DROP TABLE edits;

DROP TABLE refusals;

DROP TABLE views;

DROP TABLE tag_rules;

DROP TABLE days;

DROP TABLE action_items;

DROP TABLE actions;

DELETE FROM tag_assignments
 WHERE source <> 'person' OR tag_id IS NULL;

ALTER TABLE tag_assignments
    DROP COLUMN source,
    ALTER COLUMN tag_id SET NOT NULL;

ALTER TABLE tags DROP COLUMN colour;

DELETE FROM notifications
 WHERE update_id IS NULL;

ALTER TABLE notifications
    DROP COLUMN host_id,
    DROP COLUMN image,
    DROP COLUMN kind,
    DROP COLUMN search,
    ALTER COLUMN update_id SET NOT NULL,
    DROP CONSTRAINT notifications_update_id_fkey,
    ADD CONSTRAINT notifications_update_id_fkey FOREIGN KEY (update_id) REFERENCES updates (id);

UPDATE updates
   SET kind = CASE WHEN rebuilt THEN 'rebuild' ELSE 'new' END;

DROP INDEX updates_done;

-- The columns take their indexes with them.
ALTER TABLE updates
    DROP COLUMN series_id,
    DROP COLUMN tag_id,
    DROP COLUMN name,
    DROP COLUMN version_key,
    DROP COLUMN prerelease,
    DROP COLUMN rebuilt,
    DROP COLUMN done_at,
    DROP COLUMN from_version,
    DROP COLUMN folded,
    DROP COLUMN stack,
    DROP COLUMN search;

DROP TABLE series;

DROP TABLE hosts;

-- The pending page, newest first.
CREATE INDEX updates_pending ON updates (received_at, id) WHERE acknowledged_at IS NULL;
