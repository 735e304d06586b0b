"""The upgrade from the first release keeps every row, tag and done mark."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from diundashboard import image
from diundashboard.config import Config
from diundashboard.model import State
from diundashboard.store import open_store
from tests.store.asking import recorded
from tests.store.databases import ALL, EVERY, everything, logged, raw
from tests.store.first_release import ASSIGNMENTS, ROWS, TAGS, A, B, C, apply_first, at, fill, moment, row
from tests.updates import heard

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
            tag = store.update(recorded(store, body)).tag
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


def test_done_stays_done_if_the_same_digest_arrives_again(empty: Config) -> None:
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
