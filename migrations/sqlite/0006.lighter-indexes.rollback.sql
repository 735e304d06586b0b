DROP INDEX updates_of_tag;

-- The updates of a deleted tag.
CREATE INDEX updates_of_tag ON updates (tag_id);
