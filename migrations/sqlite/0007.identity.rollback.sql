-- The next start after an upgrade makes another id.
DROP TABLE identity;
