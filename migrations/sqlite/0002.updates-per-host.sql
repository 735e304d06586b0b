-- One update for each (hostname, image), every notification kept, and tags that follow a repository.
-- Times are microseconds since 1970 in UTC.
-- depends: 0001.initial-schema

ALTER TABLE updates RENAME TO first_updates;

ALTER TABLE tag_assignments RENAME TO first_tag_assignments;

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

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id INTEGER NOT NULL REFERENCES updates (id),
    received_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    digest TEXT NOT NULL,
    payload BLOB NOT NULL
);

CREATE TABLE tag_assignments (
    reference TEXT PRIMARY KEY,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

-- What the first release wrote as text, `2026-03-24 10:11:12` or RFC 3339 with any number of digits. SQLite's own
-- functions keep milliseconds only, so the fraction is cut off and added again. The year 1 is Go's word for no time.
CREATE TABLE first_times AS
WITH written (text) AS (
    SELECT received_at FROM first_updates
    UNION
    SELECT acknowledged_at FROM first_updates WHERE acknowledged_at IS NOT NULL
    UNION
    SELECT created FROM first_updates
),
parts AS (
    SELECT text,
           substr(text, 1, 19) AS seconds,
           ltrim(substr(replace(text, ' +0000 UTC', 'Z'), 20), '.0123456789') AS zone,
           CASE WHEN substr(text, 20, 1) = '.' THEN substr(text, 21) ELSE '' END AS fraction
      FROM written
)
SELECT text,
       CAST(strftime('%s', seconds || zone) AS INTEGER) * 1000000
       + CAST(
           substr(substr(fraction, 1, length(fraction) - length(ltrim(fraction, '0123456789'))) || '000000', 1, 6)
           AS INTEGER
       ) AS at
  FROM parts
 WHERE seconds >= '0002';

-- An image reference in its parts: a digest after @, a tag after the last colon behind the last slash, and a registry
-- where the first part looks like one. rtrim with all that is not a slash leaves what ends in the last slash.
CREATE TABLE first_references AS
WITH written (text) AS (
    SELECT image FROM first_updates
    UNION
    SELECT image FROM first_tag_assignments
),
clean AS (
    SELECT text, trim(text, char(9, 10, 11, 12, 13, 32)) AS image
      FROM written
),
undigested AS (
    SELECT text,
           CASE WHEN instr(image, '@') > 0 THEN substr(image, 1, instr(image, '@') - 1) ELSE image END AS bare,
           CASE WHEN instr(image, '@') > 0 THEN substr(image, instr(image, '@') + 1) ELSE '' END AS digest
      FROM clean
),
untagged AS (
    SELECT text, digest,
           rtrim(bare, replace(bare, '/', '')) AS folder,
           substr(bare, length(rtrim(bare, replace(bare, '/', ''))) + 1) AS last
      FROM undigested
),
named AS (
    SELECT text, digest,
           folder || CASE WHEN instr(last, ':') > 0 THEN substr(last, 1, instr(last, ':') - 1) ELSE last END AS name,
           CASE
               WHEN instr(last, ':') BETWEEN 1 AND length(last) - 1 THEN substr(last, instr(last, ':') + 1)
               WHEN digest = '' THEN 'latest'
               ELSE ''
           END AS version
      FROM untagged
),
first_part AS (
    SELECT text, digest, name, version, substr(name, 1, instr(name, '/') - 1) AS first
      FROM named
),
located AS (
    SELECT text, digest, version,
           CASE WHEN is_registry THEN first ELSE 'docker.io' END AS registry,
           CASE WHEN is_registry THEN substr(name, length(first) + 2) ELSE name END AS path
      FROM (
          SELECT *,
                 instr(name, '/') > 0
                 AND (instr(first, '.') > 0 OR instr(first, ':') > 0 OR first = 'localhost' OR first <> lower(first))
                 AS is_registry
            FROM first_part
      )
),
whole AS (
    SELECT text, digest, version,
           CASE WHEN registry IN ('index.docker.io', 'registry-1.docker.io') THEN 'docker.io' ELSE registry END
           AS registry,
           path
      FROM located
)
SELECT text, registry, version,
       CASE WHEN registry = 'docker.io' AND instr(path, '/') = 0 THEN 'library/' || path ELSE path END AS repository,
       CASE WHEN version = '' THEN '@' || digest ELSE ':' || version END AS suffix
  FROM whole;

CREATE TABLE first_notifications AS
SELECT f.hostname,
       n.registry || '/' || n.repository || n.suffix AS image,
       n.registry, n.repository, n.version, f.digest, f.status, f.provider, f.platform, f.mime_type, f.hub_link,
       f.diun_version,
       published.at AS created,
       json_patch('{}', json_object(
           'ctn_names', nullif(f.ctn_name, ''),
           'ctn_id', nullif(f.ctn_id, ''),
           'ctn_state', nullif(f.ctn_state, ''),
           'ctn_status', nullif(f.ctn_status, '')
       )) AS metadata,
       CASE
           WHEN f.ctn_name = '' THEN '[]'
           ELSE '[' || replace(json_quote(f.ctn_name), ',', '","') || ']'
       END AS containers,
       coalesce(received.at, acknowledged.at, published.at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
       AS received_at,
       CASE
           WHEN f.acknowledged_at IS NULL THEN NULL
           ELSE coalesce(acknowledged.at, received.at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
       END AS acknowledged_at,
       CAST(json_object(
           'diun_version', f.diun_version,
           'hostname', f.hostname,
           'status', f.status,
           'provider', f.provider,
           'image', f.image,
           'hub_link', f.hub_link,
           'mime_type', f.mime_type,
           'digest', f.digest,
           'created', f.created,
           'platform', f.platform,
           'ctn_name', f.ctn_name,
           'ctn_id', f.ctn_id,
           'ctn_state', f.ctn_state,
           'ctn_status', f.ctn_status,
           'received_at', f.received_at,
           'acknowledged_at', f.acknowledged_at
       ) AS BLOB) AS payload
  FROM first_updates AS f
  JOIN first_references AS n ON n.text = f.image
  LEFT JOIN first_times AS received ON received.text = f.received_at
  LEFT JOIN first_times AS acknowledged ON acknowledged.text = f.acknowledged_at
  LEFT JOIN first_times AS published ON published.text = f.created
 ORDER BY received_at, f.rowid;

-- Two rows of the first release are one update where they differ in the digest behind the tag alone: the newest speaks,
-- with the containers of both, and is done if the other one with its digest is.
WITH named AS (
    SELECT hostname, image, json_group_array(DISTINCT trim(container.value)) AS containers
      FROM first_notifications AS f, json_each(f.containers) AS container
     WHERE trim(container.value) <> ''
     GROUP BY hostname, image
)
INSERT INTO updates (
    hostname, image, registry, repository, version, digest, status, kind, provider, platform, mime_type, hub_link,
    diun_version, created, metadata, containers, notifications, first_seen_at, received_at, acknowledged_at
)
SELECT hostname, image, registry, repository, version, digest, status,
       CASE WHEN status = 'update' OR digests THEN 'rebuild' ELSE 'new' END,
       provider, platform, mime_type, hub_link, diun_version, created, metadata, coalesce(named.containers, '[]'),
       notifications, first_seen_at, received_at, done_at
  FROM (
      SELECT *,
             min(acknowledged_at) OVER (PARTITION BY hostname, image, digest) AS done_at,
             row_number() OVER (PARTITION BY hostname, image ORDER BY received_at DESC, rowid DESC) AS place,
             count(*) OVER (PARTITION BY hostname, image) AS notifications,
             min(received_at) OVER (PARTITION BY hostname, image) AS first_seen_at,
             min(digest) OVER (PARTITION BY hostname, image)
             <> max(digest) OVER (PARTITION BY hostname, image) AS digests
        FROM first_notifications
  )
  LEFT JOIN named USING (hostname, image)
 WHERE place = 1
 ORDER BY received_at;

INSERT INTO notifications (update_id, received_at, status, digest, payload)
SELECT u.id, f.received_at, f.status, f.digest, f.payload
  FROM first_notifications AS f
  JOIN updates AS u ON u.hostname = f.hostname AND u.image = f.image
 ORDER BY f.rowid;

INSERT OR IGNORE INTO tag_assignments (reference, tag_id)
SELECT n.registry || '/' || n.repository || n.suffix, a.tag_id
  FROM first_tag_assignments AS a
  JOIN first_references AS n ON n.text = a.image
  JOIN tags AS t ON t.id = a.tag_id
 ORDER BY a.rowid DESC;

DROP TABLE first_notifications;

DROP TABLE first_references;

DROP TABLE first_times;

DROP TABLE first_tag_assignments;

DROP TABLE first_updates;

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
