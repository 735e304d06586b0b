-- The id of this database, made once: a random UUID. What waits on disk for one database is never stored in another.
-- depends: 0006.lighter-indexes
CREATE TABLE identity (
    id uuid NOT NULL PRIMARY KEY
);

INSERT INTO identity (id)
SELECT gen_random_uuid();
