-- The schema of the first release. IF NOT EXISTS: a file that it wrote is taken over as it is.

CREATE TABLE IF NOT EXISTS updates (
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

CREATE TABLE IF NOT EXISTS tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE NOT NULL
);

CREATE TABLE IF NOT EXISTS tag_assignments (
    image TEXT PRIMARY KEY,
    tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);
