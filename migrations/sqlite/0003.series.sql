-- Versions that follow each other are a series: one repository in one variant on one host. What a person decides about
-- them stays with the series, what people did is kept and can be undone, and days are counted for the insights.
-- The columns that come out of reading a version are filled by the program: see `_derive_anew` in the stores.
-- depends: 0002.updates-per-host

CREATE TABLE hosts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hostname TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL DEFAULT '',
    merged_into INTEGER REFERENCES hosts (id),
    forgotten_at INTEGER
);

INSERT INTO hosts (hostname)
SELECT hostname
  FROM updates
 GROUP BY hostname
 ORDER BY min(id);

CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES hosts (id),
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    variant TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    snoozed_until INTEGER NOT NULL DEFAULT 0,
    muted_at INTEGER,
    said_version TEXT NOT NULL DEFAULT '',
    said_key TEXT NOT NULL DEFAULT '',
    said_at INTEGER,
    running_version TEXT NOT NULL DEFAULT '',
    open INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    heard INTEGER NOT NULL DEFAULT 0,
    UNIQUE (host_id, registry, repository, variant)
);

ALTER TABLE updates ADD COLUMN series_id INTEGER REFERENCES series (id);

ALTER TABLE updates ADD COLUMN tag_id INTEGER REFERENCES tags (id) ON DELETE SET NULL;

ALTER TABLE updates ADD COLUMN name TEXT NOT NULL DEFAULT '';

ALTER TABLE updates ADD COLUMN version_key TEXT NOT NULL DEFAULT '';

ALTER TABLE updates ADD COLUMN prerelease INTEGER NOT NULL DEFAULT 0;

ALTER TABLE updates ADD COLUMN rebuilt INTEGER NOT NULL DEFAULT 0;

-- When this version was last acknowledged, whatever digest it had then: what was done once runs, until it is taken back.
ALTER TABLE updates ADD COLUMN done_at INTEGER;

ALTER TABLE updates ADD COLUMN from_version TEXT NOT NULL DEFAULT '';

ALTER TABLE updates ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;

ALTER TABLE updates ADD COLUMN stack TEXT NOT NULL DEFAULT '';

ALTER TABLE updates ADD COLUMN search TEXT NOT NULL DEFAULT '';

UPDATE updates
   SET rebuilt = kind = 'rebuild', done_at = acknowledged_at;

ALTER TABLE notifications RENAME TO later_notifications;

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id INTEGER REFERENCES updates (id) ON DELETE SET NULL,
    host_id INTEGER NOT NULL REFERENCES hosts (id),
    image TEXT NOT NULL,
    kind TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    digest TEXT NOT NULL,
    payload BLOB NOT NULL,
    search TEXT NOT NULL DEFAULT ''
);

INSERT INTO notifications (id, update_id, host_id, image, kind, received_at, status, digest, payload)
SELECT n.id, n.update_id, h.id, u.image, CASE n.status WHEN 'update' THEN 'rebuild' ELSE 'new' END, n.received_at,
       n.status, n.digest, n.payload
  FROM later_notifications AS n
  JOIN updates AS u ON u.id = n.update_id
  JOIN hosts AS h ON h.hostname = u.hostname;

DROP TABLE later_notifications;

CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    verb TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT NOT NULL DEFAULT ''
);

CREATE TABLE action_items (
    action_id INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    series_id INTEGER REFERENCES series (id) ON DELETE CASCADE,
    update_id INTEGER REFERENCES updates (id) ON DELETE CASCADE,
    reference TEXT,
    before TEXT
);

CREATE TABLE days (
    day INTEGER NOT NULL,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    notifications INTEGER NOT NULL DEFAULT 0,
    opened INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, host_id, kind)
) WITHOUT ROWID;

INSERT INTO days (day, host_id, kind, notifications)
SELECT received_at / 86400000000, host_id, kind, count(*)
  FROM notifications
 GROUP BY 1, 2, 3;

INSERT INTO days (day, host_id, kind, opened)
SELECT u.received_at / 86400000000, h.id, u.kind, count(*)
  FROM updates AS u
  JOIN hosts AS h ON h.hostname = u.hostname
 GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE
   SET opened = excluded.opened;

INSERT INTO days (day, host_id, kind, closed)
SELECT u.acknowledged_at / 86400000000, h.id, u.kind, count(*)
  FROM updates AS u
  JOIN hosts AS h ON h.hostname = u.hostname
 WHERE u.acknowledged_at IS NOT NULL
 GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE
   SET closed = excluded.closed;

ALTER TABLE tags ADD COLUMN colour INTEGER NOT NULL DEFAULT 0;

UPDATE tags
   SET colour = id * 5 % 12;

-- A person's word wins over metadata, and metadata over a rule; a person may also say that there is no tag.
ALTER TABLE tag_assignments RENAME TO later_tag_assignments;

CREATE TABLE tag_assignments (
    reference TEXT PRIMARY KEY,
    tag_id INTEGER REFERENCES tags (id) ON DELETE CASCADE,
    source TEXT NOT NULL DEFAULT 'person'
);

INSERT INTO tag_assignments (reference, tag_id)
SELECT reference, tag_id
  FROM later_tag_assignments;

DROP TABLE later_tag_assignments;

CREATE TABLE tag_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern TEXT NOT NULL UNIQUE,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

CREATE TABLE views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    query TEXT NOT NULL,
    is_start INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE refusals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    address TEXT NOT NULL,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    excerpt TEXT NOT NULL
);

-- Goes up when a tag, a host or a view changes or an action is undone, so that a page knows that it is old.
CREATE TABLE edits (
    number INTEGER NOT NULL
);

INSERT INTO edits (number)
VALUES (0);

-- Which rules for reading a version filled the derived columns; another number in the program fills them anew.
CREATE TABLE version_rules (
    number INTEGER NOT NULL
);

DROP INDEX updates_pending;

-- The pending page, newest first: what is folded under a newer version is no row of it. It holds all that rows are
-- counted, sorted and grouped by, so that only those of one page are read whole.
CREATE INDEX updates_open ON updates (
    received_at, id, series_id, kind, tag_id, registry, provider, name, stack
) WHERE acknowledged_at IS NULL AND NOT folded;

-- The snoozed.
CREATE INDEX series_snoozed ON series (snoozed_until) WHERE snoozed_until > 0;

-- The versions of one series.
CREATE INDEX updates_of_series ON updates (series_id);

-- How long what was done had waited.
CREATE INDEX updates_done ON updates (
    acknowledged_at, id, series_id, received_at, tag_id
) WHERE acknowledged_at IS NOT NULL;

-- The updates of a repository, whose tag changes for all.
CREATE INDEX updates_of_repository ON updates (registry || '/' || repository);

-- The updates of a deleted tag.
CREATE INDEX updates_of_tag ON updates (tag_id);

-- The history of one update.
CREATE INDEX notifications_of_update ON notifications (update_id, id);

-- When a host was last heard, and its history.
CREATE INDEX notifications_of_host ON notifications (host_id, id);

-- The assignments that a deleted tag takes with it.
CREATE INDEX tag_assignments_of_tag ON tag_assignments (tag_id);

-- What an action did, to undo it.
CREATE INDEX action_items_of_action ON action_items (action_id);

-- What people did with one series.
CREATE INDEX action_items_of_series ON action_items (series_id);

-- A notification is counted where it is stored: by the statement that stores it, as each one more costs time.
CREATE TRIGGER notifications_counted AFTER INSERT ON notifications
BEGIN
    UPDATE updates
       SET notifications = notifications + 1
     WHERE id = NEW.update_id;

    UPDATE series
       SET heard = heard + 1
     WHERE id = (SELECT series_id FROM updates WHERE id = NEW.update_id);

    INSERT INTO days (day, host_id, kind, notifications)
    VALUES (NEW.received_at / 86400000000, NEW.host_id, NEW.kind, 1)
    ON CONFLICT DO UPDATE
       SET notifications = notifications + 1;
END;
