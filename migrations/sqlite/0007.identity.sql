-- The id of this database, made once: a random UUID. What waits on disk for one database is never stored in another.
-- depends: 0006.lighter-indexes
CREATE TABLE identity (
    id TEXT NOT NULL PRIMARY KEY
);

INSERT INTO identity (id)
SELECT lower(
           hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
           || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
       );
