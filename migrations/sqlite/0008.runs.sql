-- What DIUN reports of its own runs, under the name that its configuration gives.
-- depends: 0007.identity

CREATE TABLE pulses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    heard_at INTEGER NOT NULL
);

-- `told`: the last notification before the run.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pulse_id INTEGER NOT NULL REFERENCES pulses (id) ON DELETE CASCADE,
    started_at INTEGER,
    ended_at INTEGER,
    stopped INTEGER NOT NULL DEFAULT 0,
    report TEXT NOT NULL DEFAULT '',
    told INTEGER NOT NULL
);

-- The runs of one name, newest first.
CREATE INDEX runs_of_pulse ON runs (pulse_id, id);
