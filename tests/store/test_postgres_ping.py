"""What the check of a PostgreSQL database finds, and whom it keeps waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.store import Store, Unavailable, open_store
from diundashboard.store.postgres.database import PING_LOCK_WAIT, TABLES

pytestmark = pytest.mark.postgres

_TABLES = TABLES.replace(",", " ").split()


@pytest.fixture
def url(config_of: Callable[[str], Config]) -> str:
    return config_of("postgres").database_url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(Config(database_url=url))) as opened:
        yield opened


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection[tuple[str]]]:
    """Another session on the same database."""
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()


def test_it_knows_every_table(other: psycopg.Connection[tuple[str]]) -> None:
    rows = other.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_yoyo%'"
    ).fetchall()
    assert sorted(_TABLES) == sorted(name for (name,) in rows if name != "yoyo_lock")


def test_it_misses_each_table_that_is_gone(store: Store, other: psycopg.Connection[tuple[str]]) -> None:
    store.ping()
    other.autocommit = True
    for table in _TABLES:
        other.execute(f"ALTER TABLE {table} RENAME TO gone")
        with pytest.raises(Unavailable, match=f'relation "{table}" does not exist'):
            store.ping()
        other.execute(f"ALTER TABLE gone RENAME TO {table}")
    store.ping()


def test_it_fails_where_nothing_can_be_written(store: Store, other: psycopg.Connection[tuple[str]]) -> None:
    other.autocommit = True
    other.execute(f"ALTER DATABASE {other.info.dbname} SET default_transaction_read_only = on")
    with pytest.raises(Unavailable, match="read-only transaction"):
        store.ping()


def test_it_writes_to_the_disk(url: str, other: psycopg.Connection[tuple[str]]) -> None:
    other.autocommit = True
    other.execute(f"ALTER DATABASE {other.info.dbname} SET temp_file_limit = 0")
    with (
        closing(open_store(Config(database_url=url))) as store,
        pytest.raises(Unavailable, match="temporary file size"),
    ):
        store.ping()


def test_it_changes_nothing_and_waits_for_no_writer_and_no_writer_for_it(
    store: Store, other: psycopg.Connection[tuple[str]]
) -> None:
    before = store.stamp()
    other.execute("UPDATE edits SET number = number")
    begin = time.monotonic()
    store.ping()
    assert time.monotonic() - begin < PING_LOCK_WAIT
    other.rollback()
    store.ping()
    other.execute("UPDATE edits SET number = number")
    assert store.stamp() == before


def test_it_waits_for_a_locked_table_for_a_moment_only(store: Store, other: psycopg.Connection[tuple[str]]) -> None:
    other.execute("LOCK TABLE series IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(Unavailable, match="lock timeout"):
        store.ping()
