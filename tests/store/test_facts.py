"""What a database without facts becomes: what was done stays done, and everything else follows from the history."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Selection, State, UpdateQuery
from diundashboard.store import Store, open_store
from tests.store.asking import EVERY, record
from tests.store.databases import raw, roll_back

BEFORE = "0004.counts"


def states(store: Store) -> dict[str, State]:
    return {update.version: update.state for update in store.updates(EVERY).updates}


def test_what_an_older_release_marked_below_the_newest_stays_done(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        ids = [record(store, f"app:{version}") for version in ("1.6.0", "1.7.0", "1.8.0")]
        done = store.acknowledge(Selection((ids[2],)), "person")
    roll_back(empty, BEFORE)
    with raw(empty) as connection:
        # That release stored an item for each version that it marked, and no digest.
        connection.execute(
            f"""
            INSERT INTO action_items (action_id, series_id, update_id)
            SELECT {done.id}, series_id, id
              FROM updates
             WHERE version <> '1.8.0'
            """
        )
        connection.execute(
            """
            UPDATE updates
               SET acknowledged_at = (SELECT at FROM actions), done_at = (SELECT at FROM actions)
            """
        )
    with closing(open_store(empty)) as store:
        assert set(states(store).values()) == {State.ACKNOWLEDGED}
        assert store.check() == ()
        store.undo(done.id, "person")
        assert set(states(store).values()) == {State.PENDING}


def test_what_was_done_before_actions_were_stored_is_an_action(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        for version in ("1.0", "1.1", "1.2"):
            update_id = record(store, f"app:{version}")
    roll_back(empty, BEFORE)
    with raw(empty) as connection:
        connection.execute(
            """
            UPDATE updates
               SET acknowledged_at = received_at, done_at = received_at, acknowledged_by = 'somebody'
             WHERE version <> '1.2'
            """
        )
    with closing(open_store(empty)) as store:
        assert states(store) == {"1.0": "acknowledged", "1.1": "acknowledged", "1.2": "pending"}
        (row,) = store.updates(UpdateQuery()).updates
        assert (row.id, row.from_version, row.kind) == (update_id, "1.1", "minor")
        assert {update.acknowledged_by for update in store.updates(UpdateQuery(state=State.ACKNOWLEDGED)).updates} == {
            "somebody"
        }
        assert store.check() == ()


def test_what_labels_said_is_read_from_the_payloads(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        record(store, "app:1.8", metadata={"current": "1.5", "ctn_names": "web", "tag": "media"})
        pinned = f"sha256:{'c' * 64}"
        record(store, f"other:1@{pinned}", metadata={"stack": "media"})
    roll_back(empty, BEFORE)
    with closing(open_store(empty)) as store:
        app, other = sorted(store.updates(EVERY).updates, key=lambda update: update.repository)
        assert (app.from_version, app.kind, app.container_metadata["web"]["current"]) == ("1.5", "minor", "1.5")
        assert (other.pinned, other.tag and other.tag.name, app.tag and app.tag.name) == (pinned, "media", "media")


def test_what_diun_reported_as_a_test_is_no_update_any_more(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        record(store, "diun/other:latest")
    roll_back(empty, BEFORE)
    with raw(empty) as connection:
        connection.execute(
            "UPDATE updates SET image = 'docker.io/diun/testnotif:latest', repository = 'diun/testnotif'"
        )
    with closing(open_store(empty)) as store:
        assert store.updates(EVERY).total == 0
        assert [received.update_id for received in store.notifications(HistoryQuery())] == [None]


def test_what_is_superseded_asks_for_nothing_after_a_rollback(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        record(store, "app:1.0", metadata={"ctn_names": "web", "tag": "media"})
        store.acknowledge(Selection((record(store, "app:1.1", metadata={"ctn_names": "web"}),)), "person")
    roll_back(empty, BEFORE)
    with raw(empty) as connection:
        assert connection.execute("SELECT count(*) FROM updates WHERE acknowledged_at IS NULL").fetchone() == (0,)
        (metadata,) = connection.execute("SELECT metadata FROM updates WHERE version = '1.0'").fetchone()
        assert (json.loads(metadata) if isinstance(metadata, str) else metadata) == {"ctn_names": "web", "tag": "media"}
        assert _fails(connection, "SELECT superseded FROM updates")


def _fails(connection: Any, statement: str) -> bool:
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        connection.execute(statement)
    return True
