DROP INDEX updates_acknowledged;

-- The acknowledged page, newest first.
CREATE INDEX updates_acknowledged ON updates (received_at, id) WHERE acknowledged_at IS NOT NULL;

DROP INDEX series_muted;

ALTER TABLE hosts DROP COLUMN search;
