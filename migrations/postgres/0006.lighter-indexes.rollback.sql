DROP INDEX updates_of_tag;

-- The updates of a deleted tag.
CREATE INDEX updates_of_tag ON updates (tag_id);

-- The updates that carry a repository's tag.
CREATE INDEX updates_of_repository ON updates (repository_key);

-- The series of a repository, which are locked while its tag changes.
CREATE INDEX series_of_repository ON series (repository_key);

ALTER TABLE series
    ADD UNIQUE (host_id, repository_key, variant_key),
    DROP CONSTRAINT series_repository_key_host_id_variant_key_key;
