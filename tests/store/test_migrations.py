"""What becomes of a database when the dashboard starts on it: new, older, half done, later, or somebody else's."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from diundashboard import image
from diundashboard.config import Config
from diundashboard.model import Selection, State, Update, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Unavailable, open_store
from diundashboard.store.migrations import FIRST, PostgresMigrations, SQLiteMigrations, migrations_of
from tests.conftest import PAYLOADS, STORES, Clock, postgres_running
from tests.dashboard import free_port
from tests.updates import heard

ALL = [FIRST, "0002.updates-per-host", "0003.series", "0004.counts"]
EVERY = UpdateQuery(state=None, per_page=200, fold=False)

FIRST_SCHEMA = """
    CREATE TABLE updates (
        image TEXT PRIMARY KEY,
        diun_version TEXT NOT NULL DEFAULT '',
        hostname TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT '',
        provider TEXT NOT NULL DEFAULT '',
        hub_link TEXT NOT NULL DEFAULT '',
        mime_type TEXT NOT NULL DEFAULT '',
        digest TEXT NOT NULL DEFAULT '',
        created TEXT NOT NULL DEFAULT '',
        platform TEXT NOT NULL DEFAULT '',
        ctn_name TEXT NOT NULL DEFAULT '',
        ctn_id TEXT NOT NULL DEFAULT '',
        ctn_state TEXT NOT NULL DEFAULT '',
        ctn_status TEXT NOT NULL DEFAULT '',
        received_at TEXT NOT NULL DEFAULT '',
        acknowledged_at TEXT
    );
    CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL);
    CREATE TABLE tag_assignments (
        image TEXT PRIMARY KEY,
        tag_id INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE
    );
"""
"""The tables as the first release made them. They are what they were: this text never changes."""

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def at(*parts: int, zone: timezone = UTC) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


TIMES = {
    "": None,
    "2026-03-24 10:11:12": at(2026, 3, 24, 10, 11, 12),
    "2026-03-24 10:11:12.5": at(2026, 3, 24, 10, 11, 12, 500000),
    "2026-03-24T10:11:12Z": at(2026, 3, 24, 10, 11, 12),
    "2026-03-24T10:11:12.000001Z": at(2026, 3, 24, 10, 11, 12, 1),
    "2026-03-24T10:11:12.123456789Z": at(2026, 3, 24, 10, 11, 12, 123456),
    "2026-03-24T10:11:12.99999999+05:30": at(2026, 3, 24, 4, 41, 12, 999999),
    "2026-03-24T23:30:00-02:00": at(2026, 3, 25, 1, 30),
    "2026-03-24 10:11:12+01:00": at(2026, 3, 24, 9, 11, 12),
    "2026-03-24 10:11:12.123 +0000 UTC": at(2026, 3, 24, 10, 11, 12, 123000),
    "2026-03-24 10:11:12 +0000 UTC": at(2026, 3, 24, 10, 11, 12),
    "1970-01-01T00:00:00Z": at(1970, 1, 1),
    "1969-12-31T23:59:59.5Z": at(1969, 12, 31, 23, 59, 59, 500000),
    "0001-01-01T00:00:00Z": None,
    "yesterday": None,
}
"""What stands in the columns of times, and when that was."""


def row(reference: str, **columns: str | None) -> dict[str, str | None]:
    """One row of the first release."""
    return {
        "image": reference,
        "diun_version": "4.28.0",
        "hostname": "nas",
        "status": "new",
        "provider": "docker",
        "hub_link": "",
        "mime_type": "application/vnd.oci.image.index.v1+json",
        "digest": A,
        "created": "2026-03-20T08:00:00Z",
        "platform": "linux/amd64",
        "ctn_name": "",
        "ctn_id": "",
        "ctn_state": "",
        "ctn_status": "",
        "received_at": "2026-03-24 10:11:12",
        "acknowledged_at": None,
        **columns,
    }


ROWS = [
    row("docker.io/library/nginx:1.27.0", ctn_name="web", ctn_id="25bf0fb4", ctn_state="running", ctn_status="Up 3 d"),
    row("docker.io/library/redis:7", received_at="2026-03-24T10:11:13Z", acknowledged_at="2026-03-25 06:07:08"),
    row("docker.io/library/postgres:17", created="", received_at="2026-03-24T10:11:14.123456789+02:00"),
    row(
        "ghcr.io/immich-app/immich-server:v1.119.0",
        hostname="büro-日本",
        hub_link="https://github.com/immich-app/immich",
        status="update",
        ctn_name="immich,photos,Ärger",
        received_at="2026-03-24 10:11:15.123 +0000 UTC",
        acknowledged_at="2026-03-24T12:11:16.000001+01:00",
    ),
    row("127.0.0.1:5000/team/app:v3.1", hostname="", provider="file", received_at="2026-03-24 10:11:17"),
    row("127.0.0.1:5000/team/app", received_at="2026-03-24 10:11:18"),
    row("nginx", received_at="2026-03-24 10:11:19", platform="linux/arm64"),
    row(f"127.0.0.1:5000/team/pinned@{B}", digest=B, received_at="2026-03-24 10:11:20"),
    row(f"quay.io/team/edge:v3.1@{C}", provider="swarm", ctn_name="web_edge", received_at="2026-03-24 10:11:21"),
    row("docker.io/library/caddy:2", created="2026-03-20T10:00:00.123456789+02:00", received_at="yesterday"),
    row("docker.io/library/haproxy:3", received_at="", acknowledged_at="2026-03-25T01:02:03.000004Z"),
    row("docker.io/o'brien/a%_b\\c:1", hostname='"nas"', received_at="2026-03-24 10:11:22"),
]
TAGS = ["media", "Büro ☕"]
ASSIGNMENTS = {
    "docker.io/library/nginx:1.27.0": "media",
    f"quay.io/team/edge:v3.1@{C}": "Büro ☕",
    "127.0.0.1:5000/team/app": "media",
    f"127.0.0.1:5000/team/pinned@{B}": "Büro ☕",
    "ghcr.io/never/seen:1.0": "media",
}


def moment(text: str | None) -> datetime | None:
    """When that was, read by Python: what the migrations read by SQL."""
    text = (text or "").replace(" +0000 UTC", "Z")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time.astimezone(UTC) if time.year > 1 else None


@contextmanager
def raw(config: Config) -> Iterator[Any]:
    """A connection of the driver alone, which commits each statement; both drivers' have `execute`."""
    connection: Any = (
        psycopg.connect(config.database_url, autocommit=True)
        if config.database_url
        else sqlite3.connect(config.db_path, isolation_level=None, timeout=30)
    )
    with closing(connection):
        yield connection


def backend(config: Config) -> SQLiteMigrations | PostgresMigrations:
    if config.database_url:
        return PostgresMigrations(psycopg.connect(config.database_url, autocommit=True))
    return SQLiteMigrations(sqlite3.connect(config.db_path, isolation_level=None, timeout=30))


def apply_first(config: Config) -> None:
    """Bring the database to the schema of the first release."""
    if not config.database_url:
        with raw(config) as connection:
            connection.executescript(FIRST_SCHEMA)
        return
    with backend(config) as migrations, migrations.transaction():
        migrations.apply_migrations(migrations_of(migrations).filter(lambda migration: migration.id == FIRST))


def roll_back(config: Config, down_to: str) -> None:
    """Take back every migration after this one."""
    with backend(config) as migrations, migrations.transaction():
        applied = migrations.to_rollback(migrations_of(migrations))
        migrations.rollback_migrations(applied.filter(lambda migration: migration.id > down_to))


def fill(
    config: Config,
    rows: list[dict[str, str | None]],
    tags: list[str] | None = None,
    assignments: dict[str, str] | None = None,
) -> None:
    """Write as the first release did; on PostgreSQL, times are times and not text."""
    mark = "%s" if config.database_url else "?"
    with raw(config) as connection:
        for old in rows:
            values: dict[str, str | datetime | None] = {**old}
            if config.database_url:
                values |= {name: moment(old[name]) for name in ("created", "received_at", "acknowledged_at")}
            connection.execute(
                f"INSERT INTO updates ({', '.join(values)}) VALUES ({', '.join([mark] * len(values))})",
                list(values.values()),
            )
        for name in tags or []:
            connection.execute(f"INSERT INTO tags (name) VALUES ({mark})", (name,))
        for reference, name in (assignments or {}).items():
            connection.execute(
                f"INSERT INTO tag_assignments (image, tag_id) SELECT {mark}, id FROM tags WHERE name = {mark}",
                (reference, name),
            )


def start(config: Config) -> None:
    """Open the store and close it again, as a dashboard that starts and stops."""
    open_store(config).close()


def logged(config: Config) -> list[str]:
    """The migrations that yoyo has noted down, as often as they were applied."""
    with raw(config) as connection:
        rows = connection.execute("SELECT migration_id FROM _yoyo_log ORDER BY migration_id, created_at_utc")
        return [name for (name,) in rows]


def everything(config: Config) -> dict[str, Update]:
    with closing(open_store(config)) as store:
        return {update.image: update for update in store.updates(EVERY).updates}


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings for a database without any table, on each database in turn."""
    if request.param == "postgres":
        return Config(database_url=request.getfixturevalue("empty_postgres_url"))
    return Config(db_path=str(tmp_path / "diun.db"))


@pytest.fixture
def older(empty: Config) -> Config:
    """Settings for a database of the first release with rows, tags and assignments, on each database in turn."""
    apply_first(empty)
    fill(empty, ROWS, TAGS, ASSIGNMENTS)
    return empty


@pytest.fixture
def older_file(tmp_path: Path) -> Config:
    """Settings for an empty SQLite file of the first release."""
    config = Config(db_path=str(tmp_path / "diun.db"))
    apply_first(config)
    return config


# The upgrade


def test_a_row_of_the_first_release_comes_up_whole(older: Config) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    updates = everything(older)
    assert len(updates) == len(ROWS)
    for old in ROWS:
        reference = image.parse(old["image"] or "")
        update = updates[reference.image]
        created, received = moment(old["created"]), moment(old["received_at"])
        acknowledged = moment(old["acknowledged_at"])
        assert {name: getattr(update, name) for name in old if name in update.__slots__} == {
            **{name: value for name, value in old.items() if not name.startswith("ctn_")},
            "image": reference.image,
            "created": created,
            "received_at": received or acknowledged or created,
            "acknowledged_at": acknowledged,
        }
        assert (update.registry, update.repository, update.version) == (
            reference.registry,
            reference.repository,
            reference.version,
        )
        names = {
            "ctn_names": old["ctn_name"],
            "ctn_id": old["ctn_id"],
            "ctn_state": old["ctn_state"],
            "ctn_status": old["ctn_status"],
        }
        assert update.metadata == {name: value for name, value in names.items() if value}
        assert update.containers == tuple(sorted(name for name in (old["ctn_name"] or "").split(",") if name))
        assert (update.kind, update.notifications) == ("rebuild" if old["status"] == "update" else "new", 1)
        assert (update.state == State.ACKNOWLEDGED) == (old["acknowledged_at"] is not None)
        assert update.first_seen_at == update.received_at > at(2026, 3, 20)
        assert update.received_at < before


def test_a_row_of_the_first_release_is_in_the_history_as_it_was(older: Config) -> None:
    with closing(open_store(older)) as store:
        for old in ROWS:
            update = next(
                update
                for update in store.updates(EVERY).updates
                if update.image == image.parse(old["image"] or "").image
            )
            (received,) = heard(store, update.id)
            payload = json.loads(received.payload)
            assert (received.received_at, received.status, received.digest) == (
                update.received_at,
                old["status"],
                old["digest"],
            )
            if older.database_url:
                for name in ("created", "received_at", "acknowledged_at"):
                    assert moment(payload.pop(name)) == moment(old[name])
            assert payload == {name: value for name, value in old.items() if name in payload}
            assert payload.keys() >= old.keys() - {"created", "received_at", "acknowledged_at"}
            assert older.database_url or payload == old


def test_the_tags_of_the_first_release_stay_on_their_exact_images(older: Config) -> None:
    updates = everything(older)
    with closing(open_store(older)) as store:
        tags = {tag.name: tag for tag in store.tags()}
        assert {name: tag.updates for name, tag in tags.items()} == {"media": 2, "Büro ☕": 2}
        tagged = {image.parse(reference).image: name for reference, name in ASSIGNMENTS.items()}
        for name, update in updates.items():
            assert (update.tag.name if update.tag else None) == tagged.get(name)
        for reference, expected in [
            ("ghcr.io/never/seen:1.0", "media"),
            ("ghcr.io/never/seen:1.1", None),
            ("docker.io/library/nginx:1.28.0", None),
            (f"quay.io/team/edge:v3.1@{A}", "Büro ☕"),
        ]:
            body = json.dumps({"image": reference, "hostname": "another"}).encode()
            tag = store.update(store.record(parse(body))).tag
            assert (tag.name if tag else None) == expected
        assert store.create_tag("new").id > max(tag.id for tag in tags.values())


def test_an_older_database_is_upgraded_once(older: Config) -> None:
    first = everything(older)
    assert everything(older) == first
    assert logged(older) == ALL


def test_the_newest_of_two_rows_that_differ_only_in_the_running_digest_speaks_for_both(empty: Config) -> None:
    apply_first(empty)
    fill(
        empty,
        [
            row(
                f"quay.io/team/edge:v3.1@{B}",
                digest=B,
                ctn_name="edge_new,edge",
                received_at="2026-03-25 10:00:00",
                status="update",
            ),
            row(
                f"quay.io/team/edge:v3.1@{A}",
                digest=A,
                ctn_name="edge_old,edge",
                received_at="2026-03-24 10:00:00",
                acknowledged_at="2026-03-24 11:00:00",
            ),
            row(f"quay.io/team/edge:v3.1@{C}", hostname="another", received_at="2026-03-23 10:00:00"),
        ],
        ["first", "second"],
        {f"quay.io/team/edge:v3.1@{A}": "first", f"quay.io/team/edge:v3.1@{B}": "second"},
    )
    with closing(open_store(empty)) as store:
        update, other = store.updates(EVERY).updates
        assert (update.image, update.digest, update.kind, update.state) == (
            "quay.io/team/edge:v3.1",
            B,
            "rebuild",
            State.PENDING,
        )
        assert (update.first_seen_at, update.received_at) == (at(2026, 3, 24, 10), at(2026, 3, 25, 10))
        assert update.containers == ("edge", "edge_new", "edge_old")
        assert update.metadata == {"ctn_names": "edge_new,edge"}
        assert [received.digest for received in heard(store, update.id)] == [B, A]
        assert (update.notifications, other.notifications, other.hostname) == (2, 1, "another")
        assert update.tag is not None
        assert update.tag == other.tag


def test_an_acknowledgement_stays_where_the_same_digest_came_again(empty: Config) -> None:
    apply_first(empty)
    fill(
        empty,
        [
            row(f"team/edge:v3.1@{B}", received_at="2026-03-24 10:00:00", acknowledged_at="2026-03-24 11:00:00"),
            row(f"team/edge:v3.1@{C}", received_at="2026-03-25 10:00:00"),
        ],
    )
    (update,) = everything(empty).values()
    assert (update.state, update.acknowledged_at, update.kind) == (State.ACKNOWLEDGED, at(2026, 3, 24, 11), "new")


@pytest.mark.parametrize("names", ["b,a", " b , a ", "a,,b,", "a,b,a"])
def test_the_containers_of_the_first_release_are_a_set_of_names(empty: Config, names: str) -> None:
    apply_first(empty)
    fill(empty, [row("nginx", ctn_name=names)])
    (update,) = everything(empty).values()
    assert update.containers == ("a", "b")
    assert update.metadata == {"ctn_names": names}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_of_the_first_release_is_read_to_the_microsecond(older_file: Config, text: str) -> None:
    fill(
        older_file,
        [
            row("received", received_at=text, created=""),
            row("created", created=text),
            row("acknowledged", acknowledged_at=text),
        ],
    )
    expected = TIMES[text]
    before = datetime.now(UTC) - timedelta(seconds=1)
    updates = {update.repository: update for update in everything(older_file).values()}
    assert moment(text) == expected
    assert updates["library/created"].created == expected
    received = updates["library/received"].received_at
    assert received == expected if expected else before <= received <= datetime.now(UTC)
    acknowledged = updates["library/acknowledged"]
    assert acknowledged.state == State.ACKNOWLEDGED
    assert acknowledged.acknowledged_at == expected or (not expected and acknowledged.received_at)


@pytest.mark.postgres
def test_the_zero_time_of_go_is_no_time_on_postgresql_either(empty_postgres_url: str) -> None:
    config = Config(database_url=empty_postgres_url)
    apply_first(config)
    fill(config, [row("nginx")])
    with raw(config) as connection:
        connection.execute("UPDATE updates SET created = '0001-01-01T00:00:00Z'")
    (update,) = everything(config).values()
    assert update.created is None


@pytest.mark.parametrize("bookkeeping", ["schema_migrations", "goose_db_version", "yoyo_lock"])
def test_the_table_of_another_migration_tool_is_left_alone(older_file: Config, bookkeeping: str) -> None:
    fill(older_file, ROWS, TAGS, ASSIGNMENTS)
    with raw(older_file) as connection:
        connection.execute(f"CREATE TABLE {bookkeeping} (version BIGINT PRIMARY KEY, dirty BOOLEAN NOT NULL)")
        connection.execute(f"INSERT INTO {bookkeeping} VALUES (3, FALSE)")
    assert len(everything(older_file)) == len(ROWS)
    with raw(older_file) as connection:
        assert connection.execute(f"SELECT * FROM {bookkeeping}").fetchall() == [(3, 0)]


def test_a_file_of_the_first_release_in_wal_mode_is_taken_over(older_file: Config) -> None:
    with raw(older_file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        fill(older_file, ROWS)
        # What is still in the -wal file counts, too: this connection keeps it from being written back.
        assert len(everything(older_file)) == len(ROWS)


def test_an_assignment_without_its_tag_does_not_stop_the_upgrade(older_file: Config) -> None:
    fill(older_file, ROWS, TAGS, ASSIGNMENTS)
    with raw(older_file) as connection:
        connection.execute("INSERT INTO tag_assignments VALUES ('nginx', 4711)")
    assert everything(older_file)["docker.io/library/nginx:latest"].tag is None


REFERENCES = [
    "nginx",
    "nginx:1.27.0",
    "nginx:",
    "nginx@",
    f"nginx@{A}",
    f"nginx:1@{A}",
    f"nginx:@{A}",
    "docker.io/nginx",
    "docker.io/library/nginx:1.27.0",
    "index.docker.io/nginx:1",
    "registry-1.docker.io/crazymax/diun:4.33.0",
    "linuxserver/sonarr",
    "library/redis:7",
    "ghcr.io/immich-app/immich-server:v1.119.0",
    "ghcr.io/a/b/c/d:1",
    "host:5000/app",
    "host:5000/app:1.0",
    "127.0.0.1:5000/team/app",
    f"127.0.0.1:5000/team/app:v3.1@{C}",
    f"127.0.0.1:5000/team/app@{B}",
    "localhost/app",
    "localhost:5000/app:1",
    "localhost:5000",
    "REGISTRY/app:1",
    "Registry/app",
    "[2001:db8::1]:5000/app:2",
    "registry.example/app:2026.11.1-ls42",
    "/app:1",
    "app/:1",
    "a/b/:1",
    ":1",
    "@",
    "a:b:c",
    "ghcr.io/a:b:c/d:e:f",
    "a@b@c",
    "a@b/c:d",
    "http://ghcr.io/a/b:1",
    "müller/日本:語",
    "ghcr.io/o'brien/100%_\\x:1",
    " ghcr.io/a/b:1 ",
    "\tnginx\n",
    "my image:1 2",
]


def test_sql_reads_a_reference_as_the_program_does(empty: Config) -> None:
    apply_first(empty)
    fill(empty, [row(reference, hostname=str(number)) for number, reference in enumerate(REFERENCES)], ["tag"])
    fill(empty, [], [], dict.fromkeys(REFERENCES, "tag"))
    with closing(open_store(empty)) as store:
        found = {int(update.hostname): update for update in store.updates(EVERY).updates}
    for number, text in enumerate(REFERENCES):
        expected, update = image.parse(text), found[number]
        assert (update.registry, update.repository, update.version, update.image) == (
            expected.registry,
            expected.repository,
            expected.version,
            expected.image,
        )
        assert update.tag is not None


# Rollbacks


def test_other_rules_for_reading_a_version_keep_what_people_decided(config: Config) -> None:
    with closing(open_store(config)) as store:
        for version in ("1.28.0", "1.29.0"):
            body = {"image": f"nginx:{version}", "hostname": "nas", "digest": "sha256:1"}
            update_id = store.record(parse(json.dumps(body).encode()))
        chosen = Selection((update_id,))
        store.annotate(chosen, "wait", "person")
        store.snooze(chosen, datetime(2030, 1, 1, tzinfo=UTC), "person")
        store.say_running(update_id, "1.27.0", "person")
        before, timeline = store.update(update_id), store.timeline(update_id)
    assert (before.kind, before.from_version, before.older, before.note) == ("minor", "1.27.0", 1, "wait")
    with raw(config) as connection:
        for statement in (
            "UPDATE series SET variant = 'as it was read before', said_key = '9'",
            "UPDATE updates SET version_key = '', search = '', name = '', folded = NOT folded",
            "UPDATE version_rules SET number = 0",
        ):
            connection.execute(statement)
    with closing(open_store(config)) as store:
        after = store.update(update_id)
        assert replace(after, series_id=before.series_id) == before
        assert store.timeline(update_id) == timeline
        assert store.updates(UpdateQuery(state=State.SNOOZED, search="nginx")).updates == (after,)


def test_a_host_that_was_named_before_searches_knew_is_found(config: Config) -> None:
    with closing(open_store(config)) as store:
        for hostname in ("old", "nas"):
            store.record(parse(json.dumps({"image": "nginx:1", "hostname": hostname}).encode()))
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
            return store.record(parse(json.dumps(body).encode()))

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
        tag = store.update(store.record(parse(body))).tag
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
            store.record(parse(json.dumps(body).encode()))
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


# Many processes, and processes that die

STARTING = """
import sys
from diundashboard.config import Config
from diundashboard.store import open_store
import diundashboard.store.{room}
print("ready", flush=True)
sys.stdin.readline()
open_store(Config(db_path={config.db_path!r}, database_url={config.database_url!r})).close()
print("open", flush=True)
"""

BLOCKING = """
from yoyo.migrations import MigrationStep
apply, seen = MigrationStep.apply, []

def blocking(step, backend, force=False):
    apply(step, backend, force)
    seen.append(step)
    if len(seen) == {step}:
        print("in the middle", flush=True)
        sys.stdin.readline()

MigrationStep.apply = blocking
"""


@dataclass(frozen=True, slots=True)
class Starting:
    """A process that opens a store as soon as it is told to."""

    process: subprocess.Popen[str]

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def says(self, line: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{line}\n", self.process.communicate()

    def waits(self) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(0.5)

    def succeeds(self) -> None:
        assert self.process.communicate(timeout=120) == ("open\n", "")


@pytest.fixture
def starting() -> Iterator[Callable[..., Starting]]:
    """Processes that are about to start, and end with the test; `starting(config, block_after_step=3)` stops midway."""
    with ExitStack() as processes:

        def begin(config: Config, block_after_step: int | None = None) -> Starting:
            process = processes.enter_context(_starting(config, block_after_step))
            processes.callback(process.kill)
            begun = Starting(process)
            begun.says("ready")
            return begun

        yield begin


def _starting(config: Config, block_after_step: int | None) -> subprocess.Popen[str]:
    script = STARTING.format(config=config, room="postgres" if config.database_url else "sqlite")
    if block_after_step:
        head, _, tail = script.partition('print("ready"')
        script = f'{head}{BLOCKING.format(step=block_after_step)}print("ready"{tail}'
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("begin", ["new", "older"])
def test_many_processes_at_once_apply_each_migration_once(
    empty: Config, starting: Callable[..., Starting], begin: str
) -> None:
    if begin == "older":
        apply_first(empty)
        fill(empty, ROWS, TAGS, ASSIGNMENTS)
    processes = [starting(empty) for _ in range(8)]
    for process in processes:
        process.go_on()
    for process in processes:
        process.succeeds()
    assert logged(empty) == ALL
    assert len(everything(empty)) == (len(ROWS) if begin == "older" else 0)


@pytest.mark.parametrize("begin", ["new", "older"])
@pytest.mark.parametrize("step", [1, 3, 12])
def test_a_process_killed_in_the_middle_of_a_migration_is_no_hindrance(
    empty: Config, starting: Callable[..., Starting], begin: str, step: int
) -> None:
    if begin == "older":
        apply_first(empty)
        fill(empty, ROWS, TAGS, ASSIGNMENTS)
    killed = starting(empty, block_after_step=step)
    killed.go_on()
    killed.says("in the middle")
    killed.process.kill()
    killed.process.wait(30)
    if begin == "older":
        with raw(empty) as connection:
            assert connection.execute("SELECT count(acknowledged_at) FROM updates").fetchone() == (3,)
    assert len(everything(empty)) == (len(ROWS) if begin == "older" else 0)
    assert logged(empty) == ALL


def test_a_start_waits_for_the_process_that_migrates(empty: Config, starting: Callable[..., Starting]) -> None:
    first, second = starting(empty, block_after_step=5), starting(empty)
    first.go_on()
    first.says("in the middle")
    second.go_on()
    second.waits()
    first.go_on()
    first.succeeds()
    second.succeeds()
    assert logged(empty) == ALL


def test_a_start_waits_for_the_program_that_still_writes_to_the_file(
    older_file: Config, starting: Callable[..., Starting]
) -> None:
    process = starting(older_file)
    with raw(older_file) as connection:
        connection.execute("BEGIN IMMEDIATE")
        process.go_on()
        process.waits()
        connection.execute("INSERT INTO updates (image) VALUES ('last')")
        connection.execute("COMMIT")
    process.succeeds()
    assert [update.repository for update in everything(older_file).values()] == ["library/last"]


@pytest.mark.parametrize("begin", ["migrated", "older"])
def test_the_lock_that_a_killed_yoyo_leaves_behind_is_no_hindrance(empty: Config, begin: str) -> None:
    apply_first(empty) if begin == "older" else start(empty)
    with raw(empty) as connection:
        connection.execute(
            "CREATE TABLE yoyo_lock (locked INT DEFAULT 1, ctime TIMESTAMP, pid INT NOT NULL, PRIMARY KEY (locked))"
        )
        connection.execute("INSERT INTO yoyo_lock (pid) VALUES (4711)")
    start(empty)
    assert logged(empty) == ALL


# What is refused


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file in a folder with its bytes."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def refusal(config: Config) -> str:
    """The one line that keeps the dashboard from starting."""
    with pytest.raises(Unavailable) as caught:
        start(config)
    message = str(caught.value)
    assert message.isprintable()
    return message


def foreign(path: Path, statements: str = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)


def text_file(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def short_file(path: Path) -> None:
    path.write_bytes(b"\n\n")


def picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20_000))


def damaged(path: Path) -> None:
    start(Config(db_path=str(path)))
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)


def many_tables(path: Path) -> None:
    foreign(path, "".join(f"CREATE TABLE t{number} (x);" for number in range(9)))


def same_names(path: Path) -> None:
    foreign(
        path,
        """
        CREATE TABLE updates (image TEXT, hostname TEXT, digest TEXT, received_at TEXT, acknowledged_at TEXT, x TEXT);
        CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE tag_assignments (image TEXT, tag_id INTEGER);
        """,
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "folder"),
        (text_file, "not a database"),
        (short_file, "not a database"),
        (picture, "not a database"),
        (damaged, "malformed"),
        (foreign, "not one of DIUN Dashboard: it holds the tables notes."),
        (many_tables, "it holds the tables t0, t1, t2, t3, t4, ..."),
        (same_names, "not one of DIUN Dashboard: it holds the tables tag_assignments, tags, updates."),
    ],
)
def test_what_is_no_database_of_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "diun.db"
    make(path)
    before = snapshot(tmp_path)
    message = refusal(Config(db_path=str(path)))
    assert reason in message
    assert str(path) in message
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("in_use", [True, False])
def test_a_foreign_database_in_wal_mode_is_refused_and_left_as_it_is(tmp_path: Path, in_use: bool) -> None:
    folder, copy = tmp_path / "live", tmp_path / "copy"
    for place in (folder, copy):
        place.mkdir()
    with closing(sqlite3.connect(folder / "diun.db", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT);")
        for name in ("diun.db", "diun.db-wal"):
            shutil.copy(folder / name, copy / name)
        place = folder if in_use else copy
        before = snapshot(place)
        assert "it holds the tables notes" in refusal(Config(db_path=str(place / "diun.db")))
        after = snapshot(place)
        # The -shm file is SQLite's shared memory, in which every reader makes its mark. It holds nothing.
        index = str(place / "diun.db-shm")
        assert {**after, index: None} == {**before, index: None}


def test_an_sqlite_file_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    config = Config(db_path=str(tmp_path / "diun.db"))
    start(config)
    later(config)
    before = snapshot(tmp_path)
    assert "later version" in refusal(config)
    assert snapshot(tmp_path) == before


@pytest.mark.postgres
def test_a_postgresql_database_of_a_later_version_is_refused_and_left_as_it_is(postgres_url: str) -> None:
    config = Config(database_url=postgres_url)
    later(config)
    assert "later version" in refusal(config)
    assert logged(config) == ALL


def later(config: Config) -> None:
    with raw(config) as connection:
        connection.execute("INSERT INTO _yoyo_migration VALUES ('f00d', '0999.flying-cars', '2036-01-01 00:00:00')")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/diun.db", "file"),
        ("file/deeper/diun.db", "Not a directory"),
        ("/proc/diun.db", "unable to open database file"),
        ("/proc/no/such/folder/diun.db", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    before = snapshot(tmp_path)
    assert reason in refusal(Config(db_path=str(tmp_path / path)))
    assert snapshot(tmp_path) == before


def test_an_empty_file_and_a_missing_folder_are_a_new_database(tmp_path: Path) -> None:
    for path in (tmp_path / "empty.db", tmp_path / "a" / "b" / "diun.db"):
        if path.parent == tmp_path:
            path.touch()
        assert everything(Config(db_path=str(path))) == {}


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a b%20c.db", "日本.db", "#?.db"])
def test_every_name_is_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config(db_path=name)
    with closing(open_store(config)) as store:
        store.record(parse(PAYLOADS[0].read_bytes()))
    assert len(everything(config)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


# PostgreSQL, as it is found in the wild


@pytest.fixture(scope="module")
def other_server() -> Iterator[str]:
    """A PostgreSQL 16, reached by its socket folder, which asks the role `locked` for a password, and nobody else."""
    with postgres_running(16) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE ROLE locked LOGIN PASSWORD 'p@ss:w/rd?#[100%] ''x''\\'")
            connection.execute("CREATE ROLE plain LOGIN")
            (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            text = Path(rules).read_text()
            Path(rules).write_text(f"local all locked scram-sha-256\n{text}")
            connection.execute("SELECT pg_reload_conf()")
        yield conninfo


PASSWORD = "p@ss:w/rd?#[100%] 'x'\\"


@pytest.fixture
def database(other_server: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where a new database of the other server is: host, port, user and dbname. Its owner is the role `plain`."""
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS wild WITH (FORCE)")
        connection.execute(getattr(request, "param", "CREATE DATABASE wild OWNER plain"))
    parts = conninfo_to_dict(other_server, dbname="wild")
    return {"host": str(parts["host"]), "port": str(parts.get("port") or 5432), "user": "plain", "dbname": "wild"}


def works(url: str) -> None:
    """Every payload of DIUN can be stored and read there."""
    config = Config(database_url=url)
    with closing(open_store(config)) as store:
        for path in PAYLOADS:
            body = path.read_bytes()
            assert heard(store, store.record(parse(body)))[0].payload == body
        assert store.updates(EVERY).total == 12
        (notes,) = (update.metadata["note"] for update in store.updates(EVERY).updates if "note" in update.metadata)
        assert "日本語" in notes
        store.acknowledge(Selection(query=EVERY), "person")
        tag = store.create_tag("by hand")
        store.assign_tag("nginx", tag.id)
        store.delete_tag(tag.id)
    start(config)


@pytest.mark.postgres
def test_a_plain_role_that_owns_the_database_is_enough_on_postgresql_16(database: dict[str, str]) -> None:
    works(make_conninfo(**database))


@pytest.mark.postgres
@pytest.mark.parametrize(
    "url",
    [
        "host={host} port={port} user=plain dbname=wild",
        "host='{host}' port = {port} user='plain' dbname=wild application_name='it''s me'".replace("''", "\\'"),
        "postgresql:///wild?host={host}&port={port}&user=plain",
        "postgresql://plain@{quoted}:{port}/wild",
        "postgres://plain@{quoted}:{port}/wild?sslmode=disable&connect_timeout=5",
        "postgresql://plain@127.0.0.1:1,{quoted}:{port}/wild",
        "host=127.0.0.1,{host} port=1,{port} user=plain dbname=wild target_session_attrs=read-write",
        "postgresql://plain:ignored@{quoted}:{port}/wild?client_encoding=LATIN1",
    ],
)
def test_any_url_of_libpq_is_understood(database: dict[str, str], url: str) -> None:
    works(url.format(**database, quoted=quote(database["host"], safe="")))


@pytest.mark.postgres
@pytest.mark.parametrize("form", ["uri", "conninfo"])
def test_a_password_of_any_characters_is_accepted(database: dict[str, str], other_server: str, form: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("ALTER DATABASE wild OWNER TO locked")
    host, port = quote(database["host"], safe=""), database["port"]
    if form == "uri":
        works(f"postgresql://locked:{quote(PASSWORD, safe='')}@{host}:{port}/wild")
    else:
        works(make_conninfo(**{**database, "user": "locked", "password": PASSWORD}))


@pytest.mark.postgres
@pytest.mark.parametrize(
    "setting",
    ["timezone = 'Asia/Tokyo'", "datestyle = 'German'", "client_encoding = 'LATIN1'", "bytea_output = escape"],
)
def test_the_settings_of_a_database_change_nothing(database: dict[str, str], other_server: str, setting: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE wild SET {setting}")
    url = make_conninfo(**database)
    works(url)
    with closing(open_store(Config(database_url=url))) as store:
        body = b'{"image": "far/away", "created": "9999-12-31T23:59:59.999999Z"}'
        assert store.update(store.record(parse(body))).created == at(9999, 12, 31, 23, 59, 59, 999999)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("database", "encoding"),
    [
        (f"CREATE DATABASE wild OWNER plain ENCODING '{name}' LOCALE 'C' TEMPLATE template0", name)
        for name in ("LATIN1", "SQL_ASCII")
    ],
    indirect=["database"],
)
def test_a_database_that_is_not_utf8_is_refused(database: dict[str, str], encoding: str) -> None:
    message = refusal(Config(database_url=make_conninfo(**database)))
    assert encoding in message
    assert '"wild"' in message


@pytest.mark.postgres
def test_a_wrong_password_is_named_without_it(database: dict[str, str]) -> None:
    message = refusal(Config(database_url=make_conninfo(**{**database, "user": "locked", "password": "hunter2"})))
    assert "password authentication failed" in message
    for part in (database["host"], f"port {database['port']}", '"wild"'):
        assert part in message
    assert "hunter2" not in message


@pytest.mark.postgres
def test_an_unknown_database_is_named(database: dict[str, str]) -> None:
    message = refusal(Config(database_url=make_conninfo(**{**database, "dbname": "nowhere", "password": "hunter2"})))
    assert 'database "nowhere" does not exist' in message
    assert "hunter2" not in message


@pytest.mark.postgres
def test_a_role_that_may_not_create_tables_is_told_so(database: dict[str, str], other_server: str) -> None:
    with psycopg.connect(other_server, autocommit=True) as connection:
        connection.execute("ALTER DATABASE wild OWNER TO postgres")
    assert "permission denied" in refusal(Config(database_url=make_conninfo(**database)))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://diun:hunter2@127.0.0.1:{port}/updates",
        "host=127.0.0.1 port={port} dbname=updates user=diun password=hunter2",
        "postgresql://diun:hunter2@127.0.0.1:{port},127.0.0.1:{port}/updates",
    ],
)
def test_a_server_that_is_not_there_is_named_with_host_port_database_and_reason(url: str) -> None:
    port = free_port()
    message = refusal(Config(database_url=url.format(port=port)))
    for part in ("127.0.0.1", str(port), '"updates"', "Connection refused"):
        assert part in message
    assert "hunter2" not in message


def test_a_server_that_does_not_answer_is_given_up(unresponsive: int) -> None:
    url = f"postgresql://diun:hunter2@127.0.0.1:{unresponsive}/updates?connect_timeout=1"
    message = refusal(Config(database_url=url))
    for part in ("127.0.0.1", str(unresponsive), '"updates"', "timeout"):
        assert part in message
    assert "hunter2" not in message


@pytest.fixture
def unresponsive() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql://diun:hun%ter2@db/updates",
        "postgresql://diun:hunt@er2@db/updates",
        "postgresql://diun:hunt/er2@db/updates",
        "postgresql://diun:12/er2@db/updates",
        "postgresql://diun:hunt@/er2@db/updates",
        "postgresql://diun:hunt@er2?x@db/updates",
        "postgresql://diun:hunt@er2?host=x@db/updates",
        "postgresql://diun:hunt@er2:5@db/updates",
        "postgresql://diun:hunt@er2,x@db/updates",
        "postgresql://diun:hunter2@db:port/updates",
        "postgresql://diun:hunter2@db/updates?no_such_option=1",
        "postgresql+psycopg://diun:hunter2@db/updates",
        "mysql://diun:hunter2@db/updates",
        "host=db password=hunt er2",
        "host=db password='hunter2",
        "host=db password=hunter2 no_such_option=1",
    ],
)
def test_a_url_that_libpq_does_not_understand_is_refused_without_quoting_it(url: str) -> None:
    message = refusal(Config(database_url=url))
    assert message.startswith("DATABASE_URL is no URI or conninfo string")
    for part in ("hunter2", "hun", "er2"):
        assert part not in message.replace("understands", "")
