-- Tokens of programs, and the audit.
-- depends: 0009.accounts

-- `key` is the SHA-256 of the token. One that does not expire has no `expires_at`.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    level TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER
);

-- What people and programs did, and with `refused` what they only tried.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    address TEXT NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    refused INTEGER NOT NULL
);

-- The oldest rows of each sort, which are deleted; see `noted` of the stores.
CREATE INDEX audit_by_refused ON audit (refused, id);
