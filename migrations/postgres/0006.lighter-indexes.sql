-- Each index of a row is written with each change of it: those that another can stand in for go.
-- depends: 0005.facts

-- Begins with the repository, so that it also finds what a new tag is about, in place of two indexes.
ALTER TABLE series
    ADD UNIQUE (repository_key, host_id, variant_key),
    DROP CONSTRAINT series_host_id_repository_key_variant_key_key;

DROP INDEX series_of_repository;

DROP INDEX updates_of_repository;

DROP INDEX updates_of_tag;

-- The updates with a tag. Most have none.
CREATE INDEX updates_of_tag ON updates (tag_id) WHERE tag_id IS NOT NULL;
