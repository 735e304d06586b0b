-- What the dashboard has chosen itself, such as the secret that DIUN must send.
-- depends: 0010.tokens

CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);
