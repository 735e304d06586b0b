-- Back to one row for each image: the newest host speaks for it, and a repository's tag goes to each of its images.
-- A time before 1970 is negative; counted from the year 1, its seconds and its fraction are not.

ALTER TABLE updates RENAME TO later_updates;

ALTER TABLE tag_assignments RENAME TO later_tag_assignments;

CREATE TABLE updates (
    image TEXT PRIMARY KEY,
    diun_version TEXT NOT NULL DEFAULT '',
    hostname TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT '',
    provider TEXT NOT NULL DEFAULT '',
    hub_link TEXT NOT NULL DEFAULT '',
    mime_type TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL DEFAULT '',
    platform TEXT NOT NULL DEFAULT '',
    ctn_name TEXT NOT NULL DEFAULT '',
    ctn_id TEXT NOT NULL DEFAULT '',
    ctn_state TEXT NOT NULL DEFAULT '',
    ctn_status TEXT NOT NULL DEFAULT '',
    received_at TEXT NOT NULL DEFAULT '',
    acknowledged_at TEXT
);

CREATE TABLE tag_assignments (
    image TEXT PRIMARY KEY,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

INSERT INTO updates
SELECT image, diun_version, hostname, status, provider, hub_link, mime_type, digest,
       coalesce(
           strftime('%Y-%m-%dT%H:%M:%S', (created + 62135596800000000) / 1000000 - 62135596800, 'unixepoch')
           || printf('.%06dZ', (created + 62135596800000000) % 1000000),
           ''
       ),
       platform,
       coalesce((SELECT group_concat(value, ',') FROM json_each(containers)), ''),
       coalesce(json_extract(metadata, '$.ctn_id'), ''),
       coalesce(json_extract(metadata, '$.ctn_state'), ''),
       coalesce(json_extract(metadata, '$.ctn_status'), ''),
       strftime('%Y-%m-%dT%H:%M:%S', received_at / 1000000, 'unixepoch') || printf('.%06dZ', received_at % 1000000),
       strftime('%Y-%m-%dT%H:%M:%S', acknowledged_at / 1000000, 'unixepoch')
       || printf('.%06dZ', acknowledged_at % 1000000)
  FROM (
      SELECT *, row_number() OVER (PARTITION BY image ORDER BY received_at DESC, id DESC) AS place
        FROM later_updates
  )
 WHERE place = 1;

-- A reference to one exact image has a tag behind the last slash, or a digest.
INSERT INTO tag_assignments
SELECT reference, tag_id
  FROM later_tag_assignments
 WHERE instr(reference, '@') > 0
    OR instr(substr(reference, length(rtrim(reference, replace(reference, '/', ''))) + 1), ':') > 0;

INSERT OR IGNORE INTO tag_assignments
SELECT u.image, a.tag_id
  FROM later_updates AS u
  JOIN later_tag_assignments AS a ON a.reference = u.registry || '/' || u.repository;

DROP TABLE notifications;

DROP TABLE later_tag_assignments;

DROP TABLE later_updates;
