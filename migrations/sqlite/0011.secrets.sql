-- What the dashboard has chosen itself, such as the secret that DIUN must send.
-- depends: 0010.tokens

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
