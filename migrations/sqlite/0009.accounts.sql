-- Who may log in, their sessions, and what slows down guessing.
-- depends: 0008.runs

-- `issuer` is empty for an account with a password here, and `subject` is then its name regardless of case. Otherwise
-- both identify a person at an OpenID provider.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issuer TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    password_hash TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    UNIQUE (issuer, subject)
);

-- `key` is the SHA-256 of what the cookie holds. `hint` is the ID token that the provider wants at logout.
CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    hint TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- All sessions of one account.
CREATE INDEX sessions_of_account ON sessions (account_id);

-- The browsers in which somebody has logged in to an account before.
CREATE TABLE browsers (
    key TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;

-- All browsers of one account, newest first.
CREATE INDEX browsers_of_account ON browsers (account_id, seen_at);

-- How often a password was wrong, by account and address or browser.
CREATE TABLE attempts (
    key TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The oldest attempts, which are forgotten.
CREATE INDEX attempts_by_time ON attempts (last_at);

-- SHA-256 of the codes with which the first account is made.
CREATE TABLE setup_codes (
    key TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
