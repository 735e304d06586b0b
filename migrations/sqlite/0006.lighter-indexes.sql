-- Each index of a row is written with each change of it: what is not looked for leaves it.
-- depends: 0005.facts

DROP INDEX updates_of_tag;

-- The updates with a tag. Most have none.
CREATE INDEX updates_of_tag ON updates (tag_id) WHERE tag_id IS NOT NULL;
