-- Back to one row for each image: the newest host speaks for it, and a repository's tag goes to each of its images.

ALTER TABLE updates RENAME TO later_updates;

ALTER TABLE later_updates RENAME CONSTRAINT updates_pkey TO later_updates_pkey;

ALTER TABLE tag_assignments RENAME TO later_tag_assignments;

ALTER TABLE later_tag_assignments RENAME CONSTRAINT tag_assignments_pkey TO later_tag_assignments_pkey;

CREATE TABLE updates (
    image text PRIMARY KEY,
    diun_version text NOT NULL DEFAULT '',
    hostname text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT '',
    provider text NOT NULL DEFAULT '',
    hub_link text NOT NULL DEFAULT '',
    mime_type text NOT NULL DEFAULT '',
    digest text NOT NULL DEFAULT '',
    created timestamptz,
    platform text NOT NULL DEFAULT '',
    ctn_name text NOT NULL DEFAULT '',
    ctn_id text NOT NULL DEFAULT '',
    ctn_state text NOT NULL DEFAULT '',
    ctn_status text NOT NULL DEFAULT '',
    received_at timestamptz,
    acknowledged_at timestamptz
);

CREATE TABLE tag_assignments (
    image text PRIMARY KEY,
    tag_id bigint NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

INSERT INTO updates
SELECT DISTINCT ON (image)
       image, diun_version, hostname, status, provider, hub_link, mime_type, digest, created, platform,
       array_to_string(containers, ','),
       coalesce(metadata ->> 'ctn_id', ''),
       coalesce(metadata ->> 'ctn_state', ''),
       coalesce(metadata ->> 'ctn_status', ''),
       received_at, acknowledged_at
  FROM later_updates
 ORDER BY image, received_at DESC, id DESC;

-- A reference to one exact image has a tag behind the last slash, or a digest.
INSERT INTO tag_assignments
SELECT reference, tag_id
  FROM later_tag_assignments
 WHERE reference ~ '@|:[^/]*$';

INSERT INTO tag_assignments
SELECT u.image, a.tag_id
  FROM later_updates AS u
  JOIN later_tag_assignments AS a ON a.reference_key = u.repository_key
ON CONFLICT DO NOTHING;

DROP TABLE notifications;

DROP TABLE later_tag_assignments;

DROP TABLE later_updates;

DROP FUNCTION name_key(text);

ALTER TABLE tags ALTER COLUMN name TYPE text COLLATE "default";
