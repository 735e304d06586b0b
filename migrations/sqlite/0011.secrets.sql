-- What the dashboard has chosen itself, such as the secret that DIUN must send.
-- depends: 0009.accounts

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
