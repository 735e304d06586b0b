"""The third migration can be taken back, and loses nothing that the second can hold."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import Selection, UpdateQuery
from diundashboard.store import open_store
from diundashboard.store.migrations import PostgresMigrations, SQLiteMigrations, migrations_of
from tests.conftest import STORES
from tests.store.asking import recorded

SQLITE_SCHEMA = [
    """
    SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
      FROM sqlite_master AS m, pragma_table_info(m.name) AS c
     WHERE m.type = 'table'
    """,
    """
    SELECT m.name, f."from", f."table", f.on_delete
      FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
    """,
    "SELECT name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')",
]
POSTGRES_SCHEMA = [
    """
    SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, generation_expression
      FROM information_schema.columns
     WHERE table_schema = 'public'
    """,
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
]
KEPT = {
    "updates": """
        id, hostname, image, registry, repository, version, digest, status, provider, platform, mime_type, hub_link,
        diun_version, created, containers, notifications, first_seen_at, received_at, acknowledged_at,
        acknowledged_by
    """,
    "notifications": "id, update_id, received_at, status, digest, payload",
    "tags": "id, name",
    "tag_assignments": "reference, tag_id",
}


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings for a database without any table, on each backend in turn."""
    if request.param == "postgres":
        return Config(database_url=request.getfixturevalue("empty_postgres_url"))
    return Config(db_path=str(tmp_path / "diun.db"))


def migrations(config: Config) -> SQLiteMigrations | PostgresMigrations:
    if config.database_url:
        return PostgresMigrations(psycopg.connect(config.database_url, autocommit=True))
    connection = sqlite3.connect(config.db_path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return SQLiteMigrations(connection)


def later(migration: Any) -> bool:
    """Whether it came after the second."""
    return bool(migration.id >= "0003.")


def take_back(config: Config) -> None:
    with migrations(config) as backend, backend.transaction():
        backend.rollback_migrations(backend.to_rollback(migrations_of(backend).filter(later)))


def rows(config: Config, query: str) -> list[tuple[Any, ...]]:
    connect: Any = psycopg.connect if config.database_url else sqlite3.connect
    with closing(connect(config.database_url or config.db_path)) as connection:
        return sorted(connection.execute(query).fetchall(), key=repr)


def schema(config: Config) -> list[list[tuple[Any, ...]]]:
    return [rows(config, query) for query in (POSTGRES_SCHEMA if config.database_url else SQLITE_SCHEMA)]


def kept(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(config, f"SELECT {columns} FROM {table}") for table, columns in KEPT.items()}


def fill(config: Config) -> None:
    """Something of all that the migrations after the second made room for."""
    with closing(open_store(config)) as store:

        def record(image: str, hostname: str = "nas", **fields: Any) -> int:
            return recorded(store, json.dumps({"image": image, "hostname": hostname, **fields}).encode())

        first = record("nginx:1.0", digest="a")
        second = record("nginx:1.1", status="update", metadata={"ctn_names": "web", "stack": "web"})
        record("nginx:1.0", digest="b")
        record("redis:7", "pi", metadata={"tag": "cache"})
        record("gone:1", "old")
        store.acknowledge(Selection((first,)), "person")
        store.mute(Selection((second,)), True, "person")
        store.annotate(Selection((second,)), "careful", "person")
        store.tag_updates(Selection((first,)), "mine", "person")
        store.assign_tag("nginx:1.1", next(tag.id for tag in store.tags() if tag.name == "cache"))
        store.create_rule("*", store.tags()[0].id)
        store.forget_host(next(host.id for host in store.hosts() if host.hostname == "old"))


def test_it_leaves_the_schema_as_it_found_it(empty: Config) -> None:
    with migrations(empty) as backend, backend.transaction():
        backend.apply_migrations(migrations_of(backend).filter(lambda migration: not later(migration)))
    before = schema(empty)
    open_store(empty).close()
    assert schema(empty) != before
    take_back(empty)
    assert schema(empty) == before


def test_it_keeps_what_the_second_can_hold(empty: Config) -> None:
    fill(empty)
    before = kept(empty)
    take_back(empty)
    after = kept(empty)
    assert after["updates"] == before["updates"]
    ((metadata,),) = rows(empty, "SELECT metadata FROM updates WHERE version = '1.1'")
    assert (json.loads(metadata) if isinstance(metadata, str) else metadata) == {"ctn_names": "web", "stack": "web"}
    assert after["tags"] == before["tags"]
    assert after["notifications"] == [row for row in before["notifications"] if row[1] is not None]
    ids = {name: tag_id for tag_id, name in after["tags"]}
    assert after["tag_assignments"] == [
        ("docker.io/library/nginx", ids["mine"]),
        ("docker.io/library/nginx:1.1", ids["cache"]),
    ]
    assert rows(empty, "SELECT image, kind FROM updates") == [
        ("docker.io/library/nginx:1.0", "rebuild"),
        ("docker.io/library/nginx:1.1", "rebuild"),
        ("docker.io/library/redis:7", "new"),
    ]


def test_it_can_be_applied_again(empty: Config) -> None:
    fill(empty)
    take_back(empty)
    before = kept(empty)
    with closing(open_store(empty)) as store:
        assert kept(empty) == before
        assert [(host.hostname, host.notifications) for host in store.hosts()] == [("nas", 3), ("pi", 1)]
        assert [(row.version, row.older) for row in store.updates(UpdateQuery(search="nginx")).updates] == [("1.1", 0)]
        assert [(noise.name, noise.notifications) for noise in store.insights().noisiest] == [
            ("docker.io/library/nginx", 3),
            ("docker.io/library/redis", 1),
        ]
