-- What DIUN reported and what people did is all that is stored as a decision; the program folds it into the columns that
-- pages read: see series.py, and `_derive_anew` in the stores.
-- depends: 0004.counts

-- `spoke`: whether it was news. A repeat adds containers and metadata, and changes nothing else. `current`: what runs by
-- the container's own metadata, a version or version@digest; null until the program has read it from the payload.
ALTER TABLE notifications
    ADD COLUMN spoke boolean NOT NULL DEFAULT TRUE,
    ADD COLUMN current text COLLATE "C";

UPDATE notifications AS n
   SET spoke = FALSE
  FROM (
      SELECT id, digest, lag(digest) OVER (PARTITION BY update_id ORDER BY id) AS digest_before
        FROM notifications
       WHERE update_id IS NOT NULL
  ) AS placed
 WHERE n.id = placed.id AND placed.digest = placed.digest_before;

DROP INDEX notifications_of_update;

-- The history of one update, and what was news in it.
CREATE INDEX notifications_of_update ON notifications (update_id, spoke, id);

-- The last notification before an action, which gives both one order. So far, the times say which it was.
ALTER TABLE actions ADD COLUMN told bigint NOT NULL DEFAULT 0;

UPDATE actions AS a
   SET told = placed.told
  FROM (
      SELECT action_id, coalesce(max(id) OVER (ORDER BY at, action_id IS NOT NULL ROWS UNBOUNDED PRECEDING), 0) AS told
        FROM (
            SELECT received_at AS at, id, NULL::bigint AS action_id
              FROM notifications
             UNION ALL
            SELECT at, NULL, id
              FROM actions
        ) AS moments
  ) AS placed
 WHERE placed.action_id = a.id;

-- The digest that a person saw when marking a version as done.
ALTER TABLE action_items ADD COLUMN digest text;

-- What was done before actions were stored, and whatever else no action tells of: one action for each time and person.
UPDATE updates
   SET done_at = acknowledged_at
 WHERE acknowledged_at IS NOT NULL;

CREATE TABLE untold AS
SELECT id AS update_id, series_id, done_at, acknowledged_by,
       coalesce(
           (
               SELECT max(n.id)
                 FROM notifications AS n
                WHERE n.update_id = u.id AND n.spoke AND (u.acknowledged_at IS NOT NULL OR n.received_at <= u.done_at)
           ),
           (SELECT min(n.id) FROM notifications AS n WHERE n.update_id = u.id),
           0
       ) AS told
  FROM updates AS u
 WHERE done_at IS NOT NULL
   AND NOT EXISTS (
       SELECT
         FROM action_items AS i
         JOIN actions AS a ON a.id = i.action_id
        WHERE i.update_id = u.id AND a.at = u.done_at AND a.verb = 'acknowledge' AND a.undone_at IS NULL
   );

CREATE TABLE last_action AS
SELECT coalesce(max(id), 0) AS id
  FROM actions;

INSERT INTO actions (at, by, verb, detail, count, told)
SELECT done_at, acknowledged_by, 'acknowledge', '', count(*), max(told)
  FROM untold
 GROUP BY done_at, acknowledged_by
 ORDER BY done_at;

INSERT INTO action_items (action_id, series_id, update_id)
SELECT a.id, u.series_id, u.update_id
  FROM untold AS u
  JOIN actions AS a ON a.at = u.done_at AND a.by = u.acknowledged_by
 WHERE a.id > (SELECT id FROM last_action);

DROP TABLE last_action;

DROP TABLE untold;

-- What is done with the digest that it has was done after that had been reported, whatever a clock said.
UPDATE actions AS a
   SET told = greatest(a.told, done.told)
  FROM (
      SELECT i.action_id, max(n.id) AS told
        FROM action_items AS i
        JOIN actions AS b ON b.id = i.action_id
        JOIN updates AS u ON u.id = i.update_id AND u.acknowledged_at = b.at
        JOIN notifications AS n ON n.update_id = u.id AND n.spoke
       WHERE b.verb = 'acknowledge'
       GROUP BY i.action_id
  ) AS done
 WHERE done.action_id = a.id;

UPDATE action_items
   SET digest = coalesce(
           (
               SELECT n.digest
                 FROM notifications AS n
                WHERE n.update_id = action_items.update_id AND n.spoke
                  AND n.id <= (SELECT a.told FROM actions AS a WHERE a.id = action_items.action_id)
                ORDER BY n.id DESC
                LIMIT 1
           ),
           (SELECT u.digest FROM updates AS u WHERE u.id = action_items.update_id)
       )
 WHERE update_id IS NOT NULL;

-- Only what tagging replaced has to be put back; everything else is folded again.
UPDATE action_items
   SET before = NULL
 WHERE reference IS NULL;

-- `label`: the last version that a label named as running. `versions` counts all, `rows` those that the page of all
-- updates shows.
ALTER TABLE series
    ADD COLUMN label text NOT NULL COLLATE "C" DEFAULT '',
    ADD COLUMN versions integer NOT NULL DEFAULT 0,
    ADD COLUMN rows integer NOT NULL DEFAULT 0,
    DROP COLUMN said_key;

-- `superseded`: below the version that runs. `older`: how many versions are folded under this one. `named`: the
-- containers that DIUN named for the digest that it has now. `pinned`: the digest that the reference is pinned to.
ALTER TABLE updates
    ADD COLUMN superseded boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN older integer NOT NULL DEFAULT 0,
    ADD COLUMN named text[] NOT NULL DEFAULT '{}',
    ADD COLUMN pinned text NOT NULL DEFAULT '';

-- The tag that the container's label names, which counts for this host alone; one that is deleted counts for nothing.
ALTER TABLE updates ADD COLUMN label_tag_id bigint;

DELETE FROM tag_assignments
 WHERE source = 'metadata';

-- The metadata of each container, by the names under which DIUN reported it.
UPDATE updates
   SET named = containers,
       metadata = CASE
           WHEN metadata = '{}' THEN metadata
           ELSE jsonb_build_object(
               coalesce(
                   nullif(metadata ->> 'ctn_names', ''),
                   nullif(metadata ->> 'ctn_name', ''),
                   nullif(metadata ->> 'task_name', ''),
                   nullif(metadata ->> 'pod_name', ''),
                   ''
               ),
               metadata
           )
       END;

-- Since when one container's id arrives under two repositories: DIUN shares the metadata of one among all.
ALTER TABLE hosts ADD COLUMN metadata_shared_at timestamptz;

-- The container's id, to notice that.
ALTER TABLE updates ADD COLUMN ctn_id text NOT NULL COLLATE "C" DEFAULT '';

CREATE INDEX updates_of_container ON updates (ctn_id) WHERE ctn_id <> '';

DROP INDEX updates_open;

-- The pending page, newest first: what is folded under a newer version is no row of it. Names may be longer than an
-- entry of an index can be; what is bounded is in it, so that most of what is counted needs no look at the rows.
CREATE INDEX updates_open ON updates (received_at, id) INCLUDE (series_id, kind, tag_id, waiting_since)
 WHERE acknowledged_at IS NULL AND NOT superseded AND NOT folded;
