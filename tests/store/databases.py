"""A database without its store: its tables, its migrations, and the error of a failed start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import Update, UpdateQuery
from diundashboard.store import Unavailable, open_store
from diundashboard.store.migrations import FIRST, PostgresMigrations, SQLiteMigrations, migrations_of

ALL = [
    FIRST,
    "0002.updates-per-host",
    "0003.series",
    "0004.counts",
    "0005.facts",
    "0006.lighter-indexes",
    "0007.identity",
    "0008.runs",
    "0009.accounts",
    "0010.tokens",
    "0011.secrets",
]
EVERY = UpdateQuery(state=None, per_page=200, fold=False)


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


def start(config: Config) -> None:
    """Open the store and close it again, as a dashboard that starts and stops."""
    open_store(config).close()


def roll_back(config: Config, down_to: str) -> None:
    """Take back every migration after this one."""
    with backend(config) as migrations, migrations.transaction():
        applied = migrations.to_rollback(migrations_of(migrations))
        migrations.rollback_migrations(applied.filter(lambda migration: migration.id > down_to))


def logged(config: Config) -> list[str]:
    """The migrations that yoyo has noted down, as often as they were applied."""
    with raw(config) as connection:
        rows = connection.execute("SELECT migration_id FROM _yoyo_log ORDER BY migration_id, created_at_utc")
        return [name for (name,) in rows]


def everything(config: Config) -> dict[str, Update]:
    with closing(open_store(config)) as store:
        return {update.image: update for update in store.updates(EVERY).updates}


def refusal(config: Config) -> str:
    """The one line that keeps the dashboard from starting."""
    with pytest.raises(Unavailable) as caught:
        start(config)
    message = str(caught.value)
    assert message.isprintable()
    return message
