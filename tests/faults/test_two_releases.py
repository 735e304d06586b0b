"""A later release migrates the database while this one runs: this one goes on, and does not start again."""

from __future__ import annotations

from contextlib import suppress

import psycopg

from diundashboard.config import Config
from tests.dashboard import running
from tests.faults.load import Load, stored, wait_until_stored
from tests.store.databases import raw, refusal

PAGES = ("/", "/?state=all&group=host", "/hosts", "/history", "/insights", "/tags", "/api/v1/updates", "/readyz")
ATTEMPTS = 20
FORM = {"Content_Type": "application/x-www-form-urlencoded"}

LATER = (
    "BEGIN",
    "CREATE TABLE cars (id INTEGER PRIMARY KEY, update_id INTEGER REFERENCES updates (id))",
    "ALTER TABLE hosts ADD COLUMN cars INTEGER",
    "ALTER TABLE notifications ADD COLUMN cars TEXT",
    "ALTER TABLE updates ADD COLUMN cars TEXT",
    "CREATE INDEX updates_cars ON updates (cars)",
    "INSERT INTO _yoyo_migration VALUES ('f00d', '0999.flying-cars', '2036-01-01 00:00:00')",
    "COMMIT",
)
"""What a migration of a later release does: it adds, and never takes away."""


def migrate(config: Config) -> None:
    """Migrate as a process that starts does: what PostgreSQL ends because of a deadlock is tried again."""
    for _ in range(ATTEMPTS):
        with raw(config) as connection, suppress(psycopg.errors.DeadlockDetected):
            for statement in LATER:
                connection.execute(statement)
            return
    raise AssertionError("deadlocks without end")


def test_a_running_dashboard_goes_on_after_a_later_release_has_migrated_its_database(
    config: Config,
) -> None:
    with running(config) as dashboard:
        for _ in range(6):  # The driver has PostgreSQL prepare what a connection sends for the sixth time.
            assert [dashboard.request("GET", path).status for path in PAGES] == [200] * len(PAGES)
        with Load(dashboard) as load:
            load.wait_for(20)
            migrate(config)
            load.wait_for(20)
            assert [dashboard.request("GET", path).status for path in PAGES] == [200] * len(PAGES)
            update = dashboard.request("GET", "/api/v1/updates").json["updates"][0]["id"]
            done = dashboard.request("POST", "/act/acknowledge", f"id={update}".encode(), **FORM)
            assert done.status == 303
            assert dashboard.request("GET", done.headers["Location"]).status == 200
        assert set(load.statuses) <= {200, 202}
        wait_until_stored(config)
        assert load.taken() - set(stored(config)) == set()
        assert "rror" not in dashboard.log
        assert "later version" in refusal(config)
