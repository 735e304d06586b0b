"""Databases as each release left them, of both kinds, become today's without losing anything.

`released/` holds what `sqlite3`'s and PostgreSQL's own dump wrote of a database of each released schema, after that
release was sent every payload and was asked to mark one update as done, and another whose tag was then rebuilt.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import HistoryQuery, State, UpdateQuery
from diundashboard.store import open_store
from tests.conftest import PAYLOADS, STORES

RELEASED = Path(__file__).parent / "released"
SCHEMAS = sorted({path.name.partition(".")[0] for path in RELEASED.iterdir()})


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings for a database without any table, on each backend in turn."""
    if request.param == "postgres":
        return Config(database_url=request.getfixturevalue("empty_postgres_url"))
    return Config(db_path=str(tmp_path / "diun.db"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_database_of_each_release_is_taken_over_whole(empty: Config, schema: str) -> None:
    if empty.database_url:
        with psycopg.connect(empty.database_url) as connection:
            connection.execute((RELEASED / f"{schema}.postgres.sql").read_bytes())
    else:
        with closing(sqlite3.connect(empty.db_path)) as file:
            file.executescript((RELEASED / f"{schema}.sqlite.sql").read_text())
    with closing(open_store(empty)) as store:
        sent = [json.loads(path.read_bytes()) for path in PAYLOADS]
        kept = [json.loads(each.payload) for each in store.notifications(HistoryQuery(limit=200))]
        assert [body for body in sent if body not in kept] == []
        assert len(kept) == len(sent) + 1
        (done,) = store.updates(UpdateQuery(state=State.ACKNOWLEDGED)).updates
        assert (done.repository, done.version, done.tag and done.tag.name) == ("nocreated/app", "v1", "by hand")
        (rebuilt,) = store.updates(UpdateQuery(search="nginx 1.27.1-alpine")).updates
        assert (rebuilt.kind, rebuilt.digest) == ("rebuild", f"sha256:{'f' * 64}")
        assert store.check() == ()
