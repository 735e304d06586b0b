-- Back to updates without a series. What only a series can hold is lost: snoozes, mutes, notes, what runs, what people
-- did. Of the assignments, those that a person made stay: the others would look like a person's.

DROP TRIGGER notifications_counted;

DROP TABLE version_rules;

DROP TABLE edits;

DROP TABLE refusals;

DROP TABLE views;

DROP TABLE tag_rules;

DROP TABLE days;

DROP TABLE action_items;

DROP TABLE actions;

ALTER TABLE tag_assignments RENAME TO later_tag_assignments;

CREATE TABLE tag_assignments (
    reference TEXT PRIMARY KEY,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

INSERT INTO tag_assignments (reference, tag_id)
SELECT reference, tag_id
  FROM later_tag_assignments
 WHERE source = 'person' AND tag_id IS NOT NULL;

DROP TABLE later_tag_assignments;

ALTER TABLE tags DROP COLUMN colour;

-- SQLite drops no column that is a foreign key or in an index: the two tables are written anew.
ALTER TABLE updates RENAME TO later_updates;

ALTER TABLE notifications RENAME TO later_notifications;

CREATE TABLE updates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hostname TEXT NOT NULL,
    image TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    platform TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    hub_link TEXT NOT NULL,
    diun_version TEXT NOT NULL,
    created INTEGER,
    metadata TEXT NOT NULL,
    containers TEXT NOT NULL,
    notifications INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    UNIQUE (hostname, image)
);

INSERT INTO updates (
    id, hostname, image, registry, repository, version, digest, status, kind, provider, platform, mime_type, hub_link,
    diun_version, created, metadata, containers, notifications, first_seen_at, received_at, acknowledged_at,
    acknowledged_by
)
SELECT id, hostname, image, registry, repository, version, digest, status,
       CASE WHEN rebuilt THEN 'rebuild' ELSE 'new' END,
       provider, platform, mime_type, hub_link, diun_version, created, metadata, containers, notifications,
       first_seen_at, received_at, acknowledged_at, acknowledged_by
  FROM later_updates;

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id INTEGER NOT NULL REFERENCES updates (id),
    received_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    digest TEXT NOT NULL,
    payload BLOB NOT NULL
);

INSERT INTO notifications (id, update_id, received_at, status, digest, payload)
SELECT id, update_id, received_at, status, digest, payload
  FROM later_notifications
 WHERE update_id IS NOT NULL;

DROP TABLE later_notifications;

DROP TABLE later_updates;

DROP TABLE series;

DROP TABLE hosts;

-- The pending page, newest first.
CREATE INDEX updates_pending ON updates (received_at, id) WHERE acknowledged_at IS NULL;

-- The acknowledged page, newest first.
CREATE INDEX updates_acknowledged ON updates (received_at, id) WHERE acknowledged_at IS NOT NULL;

-- All updates, newest first.
CREATE INDEX updates_received ON updates (received_at, id);

-- The history of one update.
CREATE INDEX notifications_of_update ON notifications (update_id, id);

-- The assignments that a deleted tag takes with it.
CREATE INDEX tag_assignments_of_tag ON tag_assignments (tag_id);
