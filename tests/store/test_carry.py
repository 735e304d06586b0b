"""A whole database is carried elsewhere, and nothing is lost on the way, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from diundashboard.config import Config
from diundashboard.model import Contents, Filled, Form, Invalid, Level, Refusal, Row, RunEvent, Selection
from diundashboard.notification import parse
from diundashboard.store import Conflict, Store, open_store
from diundashboard.store.carried import LEFT_OUT, TABLES
from tests.conftest import STORES, Clock
from tests.store.asking import DAY, OTHER, images, record, recorded
from tests.store.databases import ALL, raw

Plain = tuple[str, list[tuple[str, int | None, list[Row]]]]

_SQLITE_COLUMNS = """
    SELECT m.name, c.name, ''
      FROM sqlite_master AS m, pragma_table_info(m.name) AS c
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
"""
_POSTGRES_COLUMNS = """
    SELECT table_name, column_name, data_type
      FROM information_schema.columns
     WHERE table_schema = 'public' AND is_generated = 'NEVER'
"""
_FORMS = {
    "integer": Form.INTEGER,
    "bigint": Form.INTEGER,
    "text": Form.TEXT,
    "boolean": Form.BOOLEAN,
    "timestamp with time zone": Form.TIME,
    "date": Form.DAY,
    "bytea": Form.BYTES,
    "jsonb": Form.JSON,
    "ARRAY": Form.LIST,
}


def everything(store: Store) -> Plain:
    """All contents of a store, read to their end."""
    with store.contents() as contents:
        return contents.schema, [(table.name, table.last_id, _rows(table)) for table in contents.tables]


def _rows(table: Filled) -> list[Row]:
    return [list(row) for row in table.rows]


def rows_of(store: Store, name: str) -> list[Row]:
    (found,) = [rows for table, _, rows in everything(store)[1] if table == name]
    return found


def carry(source: Store, target: Store) -> None:
    with source.contents() as contents:
        target.restore(contents)


def live(store: Store, clock: Clock) -> None:
    """A bit of all that can be stored."""
    ids = [
        record(
            store, f"a:{version}", hostname=host, metadata={"ctn_names": f"a-{host}", "stack": "s", "b": "ü", "a": ""}
        )
        for version in ("1.0", "1.1", "2.0-rc1")
        for host in ("x", "y", "z", "")
    ]
    done = store.acknowledge(Selection((ids[4],)), "person")
    record(store, "a:1.1", hostname="x", digest=OTHER)
    record(store, "a:1.1", hostname="x", digest=OTHER, metadata={"ctn_names": "other"}, created="2026-11-01T10:00:00Z")
    recorded(store, json.dumps({"image": "caddy:2", "hostname": "日本"}).encode("utf-16"))
    store.record(parse(b'{"image": "old", "hostname": "x"}'), clock.time - timedelta(days=300_000))
    store.snooze(Selection((ids[1],)), clock.time + DAY, "person")
    store.mute(Selection((ids[2],)), True, "person")
    store.annotate(Selection((ids[0],)), "a note", "person")
    store.tag_updates(Selection((ids[3], ids[5])), "media", "person")
    store.acknowledge(Selection((ids[5],)), "person")
    store.undo(done.id, "person")
    store.create_rule("ghcr.io/*", store.create_tag("ops").id)
    store.assign_tag("a:1.0", store.create_tag("exact").id)
    store.delete_tag(store.create_tag("deleted").id)
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    store.rename_host(hosts["y"], "ypsilon")
    store.forget_host(hosts["z"])
    store.start_with(store.save_view("mine", "?q=a").id)
    for event in (RunEvent.START, RunEvent.DONE):
        store.report_run("x", event, "1 tag(s) have been scanned")
    store.refuse(Refusal(clock.time, "192.0.2.1", 400, "no JSON", "Dear diary"))
    store.require_webhook_secret("chosen")
    store.add_token("ci", Level.READ, "key", clock.time + DAY)
    store.add_account("Ada", Level.ADMIN, "hash")
    store.recognize("https://id.example", "42", "Eve", Level.READ)


@pytest.fixture
def lived(store: Store, clock: Clock) -> Store:
    """A store with a bit of all that can be stored, on each database in turn."""
    live(store, clock)
    return store


@pytest.fixture
def other(request: pytest.FixtureRequest, config: Config, tmp_path: Any, clock: Clock) -> Iterator[Store]:
    """An empty store on the other database."""
    url = "" if config.database_url else request.getfixturevalue("postgres_url")
    with closing(open_store(Config(database_url=url, db_path=str(tmp_path / "other.db")), clock)) as opened:
        yield opened


@pytest.mark.parametrize("config", STORES, indirect=True)
def test_every_table_and_column_is_carried_but_those_about_the_database_itself(config: Config, store: Store) -> None:
    with raw(config) as connection:
        columns = connection.execute(_POSTGRES_COLUMNS if config.database_url else _SQLITE_COLUMNS).fetchall()
    found: dict[str, dict[str, Form | None]] = {}
    for table, column, kind in columns:
        if table not in LEFT_OUT and not table.startswith("_yoyo"):
            found.setdefault(table, {})[column] = _FORMS[kind] if kind else None
    carried = {
        table.name: {column: form if config.database_url else None for column, form in table.columns.items()}
        for table in TABLES
    }
    assert found == carried


@pytest.mark.postgres
def test_everything_is_the_same_on_the_other_database_and_back_again(
    lived: Store, other: Store, config: Config, config_of: Callable[[str], Config], tmp_path: Any, clock: Clock
) -> None:
    before = everything(lived)
    assert before[0] == ALL[-1]
    assert [name for name, _, rows in before[1] if not rows] == []
    carry(lived, other)
    assert everything(other) == before
    assert other.check() == ()
    if config.database_url:
        with raw(config) as connection:
            connection.execute("TRUNCATE " + ", ".join(table.name for table in TABLES) + " RESTART IDENTITY CASCADE")
        carry(other, lived)
        assert everything(lived) == before
    else:
        with closing(open_store(Config(db_path=str(tmp_path / "again.db")), clock)) as again:
            carry(other, again)
            assert everything(again) == before
        assert stored_text(str(tmp_path / "again.db")) == stored_text(config.db_path)


def stored_text(path: str) -> dict[str, list[Any]]:
    """Each row of an SQLite file as the file holds it, apart from the order of the keys in JSON."""

    def plain(value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) and value[:1] in "[{" and value else value

    with raw(Config(db_path=path)) as connection:
        return {
            table.name: sorted(
                [[plain(value) for value in row] for row in connection.execute(f"SELECT * FROM {table.name}")], key=repr
            )
            for table in TABLES
        }


def test_what_is_restored_goes_on_as_if_nothing_had_happened(lived: Store, other: Store) -> None:
    carry(lived, other)
    for store in (lived, other):
        store.create_tag("next")
        update_id = record(store, "a:3.0", hostname="y")
        assert record(store, "a:3.0", hostname="y") == update_id
        assert store.update(update_id).notifications == 2
        store.acknowledge(Selection((update_id,)), "person")
        assert store.check() == ()
    assert rows_of(lived, "tags") == rows_of(other, "tags"), "an id is given out twice"
    assert [row[0] for row in rows_of(lived, "notifications")] == [row[0] for row in rows_of(other, "notifications")]
    assert lived.insights() == other.insights()


def test_contents_are_those_of_one_moment_while_others_write(lived: Store) -> None:
    before = everything(lived)
    with lived.contents() as contents:
        counts = [len(_rows(next(contents.tables)))]
        record(lived, "late:1.0", hostname="late")
        counts += [len(_rows(table)) for table in contents.tables]
    assert counts == [len(rows) for _, _, rows in before[1]]
    assert "docker.io/library/late:1.0" in images(lived)


def test_contents_that_are_not_read_to_their_end_leave_nothing_behind(lived: Store) -> None:
    with suppress(KeyError), lived.contents() as contents:
        for table in contents.tables:
            if table.name == "notifications":
                next(table.rows)
                raise KeyError
    record(lived, "late:1.0", hostname="late")
    assert everything(lived)[0] == ALL[-1]


def test_only_an_empty_database_is_filled(lived: Store, other: Store, clock: Clock) -> None:
    record(other, "mine:1.0")
    before = everything(other)
    with pytest.raises(Conflict, match="is not empty: it has hosts"):
        carry(lived, other)
    assert everything(other) == before


def test_a_database_is_empty_until_diun_or_a_person_tells_it_something(store: Store, clock: Clock) -> None:
    assert store.is_empty()
    store.refuse(Refusal(clock.time, "192.0.2.1", 400, "no JSON", "Dear diary"))
    assert store.is_empty()
    store.create_tag("media")
    assert not store.is_empty()


def test_refused_requests_are_replaced(lived: Store, other: Store, clock: Clock) -> None:
    for _ in range(3):
        other.refuse(Refusal(clock.time, "192.0.2.7", 400, "no JSON", ""))
    carry(lived, other)
    assert rows_of(other, "refusals") == rows_of(lived, "refusals")


def test_an_error_on_the_way_leaves_the_database_empty_and_ready(config: Config, store: Store, clock: Clock) -> None:
    """The contents are those of the database itself, a moment before it was emptied."""
    live(store, clock)
    schema, tables = everything(store)

    class Interrupted(Exception):
        pass

    def rows(name: str, all_rows: list[Row], fails: bool) -> Iterator[Row]:
        yield from all_rows[:-1] if fails and name == "views" else all_rows
        if fails and name == "views":
            raise Interrupted

    def again(fails: bool) -> Contents:
        columns = {table.name: table.columns for table in TABLES}
        return Contents(
            schema, (Filled(name, columns[name], last_id, rows(name, each, fails)) for name, last_id, each in tables)
        )

    empty_again(config)
    before = everything(store)
    with pytest.raises(Interrupted):
        store.restore(again(fails=True))
    assert store.is_empty()
    assert everything(store) == before
    store.restore(again(fails=False))
    assert everything(store) == (schema, tables)


def empty_again(config: Config) -> None:
    with raw(config) as connection:
        if config.database_url:
            connection.execute("TRUNCATE " + ", ".join(table.name for table in TABLES) + " RESTART IDENTITY CASCADE")
        else:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table.name}")


TAGS = {"id": Form.INTEGER, "name": Form.TEXT}


@pytest.mark.parametrize(
    ("table", "columns", "rows"),
    [
        ("tags", TAGS, [[1, "a"], [1, "b"]]),
        ("tags", TAGS, [[1, "a"], [2, "a"]]),
        ("tags", TAGS, [[1, None]]),
        ("tags", TAGS, [[2**70, "a"]]),
        ("tag_rules", {"id": Form.INTEGER, "pattern": Form.TEXT, "tag_id": Form.INTEGER}, [[1, "a*", 7]]),
    ],
)
def test_rows_that_do_not_fit_are_refused(store: Store, table: str, columns: dict[str, Form], rows: list[Row]) -> None:
    with pytest.raises(Invalid, match="its rows do not fit the tables"):
        store.restore(Contents(ALL[-1], iter([Filled(table, columns, None, iter(rows))])))
    assert store.is_empty()


def test_contents_of_a_later_schema_are_refused_with_what_to_do(store: Store) -> None:
    before = everything(store)
    with pytest.raises(Invalid, match=r"later version of DIUN Dashboard .*9999.later.*: update this one first"):
        store.restore(Contents("9999.later", iter([])))
    assert everything(store) == before


def test_contents_of_an_earlier_schema_are_brought_up_to_date(store: Store) -> None:
    hosts = {"id": Form.INTEGER, "hostname": Form.TEXT}
    names = ["hostname", "image", "registry", "repository", "version", "digest", "status", "kind"]
    updates = dict.fromkeys([*names, "provider", "platform", "mime_type", "hub_link", "diun_version"], Form.TEXT)
    known = ["nas", "docker.io/library/redis:7.0", "docker.io", "library/redis", "7.0", "sha256:a", "new", "new"]
    at = 1_700_000_000_000_000
    notification = [1, 1, 1, known[1], "new", at, "new", "sha256:a", b'{"image": "redis:7.0", "hostname": "nas"}']
    store.restore(
        Contents(
            "0004.counts",
            iter(
                [
                    Filled("hosts", hosts, 1, iter([[1, "nas"]])),
                    Filled(
                        "updates",
                        {"id": Form.INTEGER}
                        | updates
                        | {"metadata": Form.JSON, "containers": Form.LIST, "notifications": Form.INTEGER}
                        | dict.fromkeys(["first_seen_at", "received_at", "acknowledged_at", "done_at"], Form.TIME),
                        1,
                        iter([[1, *known, *[""] * 5, {"ctn_names": "cache"}, ["cache"], 1, at, at, at, at]]),
                    ),
                    Filled(
                        "notifications",
                        dict.fromkeys(["id", "update_id", "host_id"], Form.INTEGER)
                        | dict.fromkeys(["image", "kind"], Form.TEXT)
                        | {"received_at": Form.TIME, "status": Form.TEXT, "digest": Form.TEXT, "payload": Form.BYTES},
                        1,
                        iter([notification]),
                    ),
                ]
            ),
        )
    )
    assert everything(store)[0] == ALL[-1]
    assert store.check() == ()
    update = store.update(1)
    assert (update.containers, update.acknowledged_at is not None) == (("cache",), True)
    assert store.update(record(store, "redis:7.2")).from_version == "7.0"
