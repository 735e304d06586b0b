"""The steps between releases: each one up and down again, without losing what people decided."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import Selection, State, Update, UpdateQuery
from diundashboard.store import open_store
from diundashboard.store.migrations import FIRST
from tests.conftest import Clock
from tests.store.asking import recorded
from tests.store.databases import EVERY, everything, raw, roll_back
from tests.store.first_release import at, moment


def test_other_rules_for_reading_a_version_keep_what_people_decided(config: Config) -> None:
    with closing(open_store(config)) as store:
        for version in ("1.28.0", "1.29.0"):
            body = {"image": f"nginx:{version}", "hostname": "nas", "digest": "sha256:1"}
            update_id = recorded(store, json.dumps(body).encode())
        chosen = Selection((update_id,))
        store.annotate(chosen, "wait", "person")
        store.snooze(chosen, datetime(2030, 1, 1, tzinfo=UTC), "person")
        store.say_running(update_id, "1.27.0", "person")
        before, timeline = store.update(update_id), store.timeline(update_id)
    assert (before.kind, before.from_version, before.older, before.note) == ("minor", "1.27.0", 1, "wait")
    with raw(config) as connection:
        for statement in (
            "UPDATE series SET variant = 'as it was read before', running_version = '9'",
            "UPDATE updates SET version_key = '', search = '', name = '', folded = NOT folded",
            "UPDATE version_rules SET number = 0",
        ):
            connection.execute(statement)
    with closing(open_store(config)) as store:
        after = store.update(update_id)
        assert replace(after, series_id=before.series_id) == before
        assert store.timeline(update_id) == timeline
        assert store.updates(UpdateQuery(state=State.SNOOZED, search="nginx")).updates == (after,)


def test_what_people_did_to_a_series_counts_for_each_that_it_becomes(config: Config) -> None:
    with closing(open_store(config)) as store:
        ids = [recorded(store, json.dumps({"image": f"nginx:{version}"}).encode()) for version in ("1.0", "1.0-alpine")]
        store.annotate(Selection((ids[0],)), "wait", "person")
    with raw(config) as connection:
        # As if another release had read both as versions of one series.
        connection.execute("UPDATE series SET variant = 'as it was read before' WHERE variant = ''")
        connection.execute("UPDATE updates SET series_id = (SELECT min(id) FROM series)")
        connection.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
        connection.execute("UPDATE version_rules SET number = 0")
    with closing(open_store(config)) as store:
        assert [store.update(update_id).note for update_id in ids] == ["wait", "wait"]
        assert len({store.update(update_id).series_id for update_id in ids}) == 2
        assert store.check() == ()


def test_a_host_that_was_named_before_searches_knew_is_found(config: Config) -> None:
    with closing(open_store(config)) as store:
        for hostname in ("old", "nas"):
            recorded(store, json.dumps({"image": "nginx:1", "hostname": hostname}).encode())
        ids = {host.hostname: host.id for host in store.hosts()}
        store.merge_hosts(ids["old"], ids["nas"])
        store.rename_host(ids["nas"], "Cellar")
    with raw(config) as connection:
        connection.execute("UPDATE hosts SET search = ''")
    with closing(open_store(config)) as store:
        for search in ("CELLAR", "nas", "old"):
            assert store.updates(UpdateQuery(search=search)).total == 1, search


def test_since_when_updates_wait_is_made_out_in_an_older_database(empty: Config) -> None:
    clock = Clock()
    with closing(open_store(empty, clock)) as store:

        def record(version: str, digest: str) -> int:
            clock.time += timedelta(days=1)
            body = {"image": f"app:{version}", "digest": digest}
            return recorded(store, json.dumps(body).encode())

        for digest in ("sha256:1", "sha256:2"):
            record("1.0-alpine", digest)
        for version, digest in (("1.0", "1"), ("1.0", "2"), ("1.1", "1"), ("2.0", "1")):
            update_id = record(version, f"sha256:{digest}")
            if version == "1.0" and digest == "1":
                store.acknowledge(Selection((update_id,)), "person")
        before = store.updates(EVERY).updates
    roll_back(empty, "0003.series")
    with closing(open_store(empty)) as store:
        assert store.updates(EVERY).updates == before
        assert [update.waiting_since for update in before if update.version == "2.0"] == [
            update.received_at for update in before if update.version == "1.0"
        ]


def test_each_migration_can_be_taken_back_and_applied_again(older: Config) -> None:
    upgraded = everything(older)
    roll_back(older, FIRST)
    with raw(older) as connection:
        kept = {
            name: (received, acknowledged)
            for name, received, acknowledged in connection.execute(
                "SELECT image, received_at, acknowledged_at FROM updates"
            )
        }
    assert kept.keys() == upgraded.keys()
    again = everything(older)
    assert {name: comparable(update) for name, update in again.items()} == {
        name: comparable(update) for name, update in upgraded.items()
    }
    with closing(open_store(older)) as store:
        body = json.dumps({"image": "ghcr.io/never/seen:1.0"}).encode()
        tag = store.update(recorded(store, body)).tag
        assert tag is not None
        assert tag.name == "media"

    roll_back(older, "")
    with raw(older) as connection:
        for table in ("updates", "tags", "tag_assignments"):
            with pytest.raises((sqlite3.Error, psycopg.Error)):
                connection.execute(f"SELECT * FROM {table}")
    assert everything(older) == {}


def comparable(update: Update) -> dict[str, Any]:
    """What the first release's schema can hold of an update. It has no room for metadata of the user's own."""
    lost = {"id", "notifications", "first_seen_at", "metadata", "acknowledged_by", "kind"}
    return {name: getattr(update, name) for name in update.__slots__ if name not in lost}


def test_an_older_release_gets_a_row_for_each_image_and_the_tag_of_its_repository(empty: Config) -> None:
    with closing(open_store(empty)) as store:
        for hostname, reference in [("a", "nginx:1"), ("b", "nginx:1"), ("a", "nginx:2")]:
            body = {"image": reference, "hostname": hostname, "created": "1969-12-31T23:59:59.25Z"}
            body["metadata"] = {"ctn_names": "x,y", "ctn_id": "1", "stack": "site"}  # type: ignore[assignment]
            recorded(store, json.dumps(body).encode())
        web, special = store.create_tag("web"), store.create_tag("special")
        store.assign_tag("nginx", web.id)
        store.assign_tag("nginx:2", special.id)
        store.assign_tag("127.0.0.1:5000/never/seen", web.id)
        store.assign_tag("127.0.0.1:5000/never/seen:3", web.id)
    roll_back(empty, FIRST)
    with raw(empty) as connection:
        rows = connection.execute("SELECT image, hostname, ctn_name, ctn_id, created FROM updates ORDER BY image")
        found = [(*columns, moment(str(created))) for *columns, created in rows]
        created = at(1969, 12, 31, 23, 59, 59, 250000)
        assert found == [
            ("docker.io/library/nginx:1", "b", "x,y", "1", created),
            ("docker.io/library/nginx:2", "a", "x,y", "1", created),
        ]
        assert connection.execute(
            "SELECT a.image, t.name FROM tag_assignments AS a JOIN tags AS t ON t.id = a.tag_id ORDER BY a.image"
        ).fetchall() == [
            ("127.0.0.1:5000/never/seen:3", "web"),
            ("docker.io/library/nginx:1", "web"),
            ("docker.io/library/nginx:2", "special"),
        ]
