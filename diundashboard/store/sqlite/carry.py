"""A whole file, to be carried elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from diundashboard.model import Contents, Filled, Form, Invalid
from diundashboard.store import carry
from diundashboard.store.carried import TABLES, Table, converted
from diundashboard.store.errors import Conflict
from diundashboard.store.migrations import LOCK_TIMEOUT, TABLE, SQLiteMigrations, apply, roll_back
from diundashboard.store.sqlite.connection import answering, connect, transaction
from diundashboard.store.sqlite.database import Database
from diundashboard.store.sqlite.prepare import complete

CACHE = 64 * 1024
"""How much of the file a restore keeps in memory, in KiB: the indexes are written in another order than the rows."""

_READ: dict[Form, Callable[[Any], Any]] = {Form.BOOLEAN: bool, Form.JSON: json.loads, Form.LIST: json.loads}
_WRITTEN: dict[Form, Callable[[Any], Any]] = {Form.JSON: json.dumps, Form.LIST: json.dumps}


class Carry(carry.Carry, Database):
    def is_empty(self) -> bool:
        with self._transaction("DEFERRED") as cursor:
            return _used(cursor) is None

    @contextmanager
    def contents(self) -> Iterator[Contents]:
        with (
            answering(self._path),
            closing(connect(self._path, LOCK_TIMEOUT)) as connection,
            transaction(connection, self._path, "DEFERRED") as cursor,
        ):
            (schema,) = cursor.execute(f"SELECT max(migration_id) FROM {TABLE}").fetchone()
            yield Contents(schema, (_filled(connection, table) for table in TABLES))

    def restore(self, contents: Contents) -> None:
        with answering(self._path), _fitting(), SQLiteMigrations(connect(self._path, LOCK_TIMEOUT)) as backend:
            connection: sqlite3.Connection = backend.connection
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            with backend.transaction(), closing(connection.cursor()) as cursor:
                cursor.row_factory = sqlite3.Row
                if used := _used(cursor):
                    raise Conflict(f"the SQLite database at {self._path} is not empty: it has {used}")
                roll_back(backend, contents.schema)
                _fill(cursor, contents.tables)
                apply(backend)
                complete(cursor)


@contextmanager
def _fitting() -> Iterator[None]:
    """Raise Invalid for the errors of rows that do not fit their table."""
    try:
        yield
    except Invalid:
        raise
    except (sqlite3.IntegrityError, sqlite3.InterfaceError, OverflowError, TypeError, ValueError) as error:
        raise Invalid(f"its rows do not fit the tables: {error}") from error


def _used(cursor: sqlite3.Cursor) -> str | None:
    """The name of a table that is not empty."""
    for table in TABLES:
        if table.used and cursor.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():
            return table.name
    return None


def _filled(connection: sqlite3.Connection, table: Table) -> Filled:
    last_id = None
    if "id" in table.columns:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
        last_id = row[0] if row else 0
    order = ", ".join(table.order)
    rows = connection.execute(f"SELECT {_quoted(table.columns)} FROM {table.name} ORDER BY {order}")
    return Filled(table.name, table.columns, last_id, converted(rows, table.columns.values(), _READ))


def _fill(cursor: sqlite3.Cursor, tables: Iterator[Filled]) -> None:
    """Write the rows. What a trigger would add is among them."""
    cursor.execute("PRAGMA defer_foreign_keys = ON")
    triggers = cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    for table in tables:
        cursor.execute(f"DELETE FROM {table.name}")
        places = ", ".join("?" * len(table.columns))
        cursor.executemany(
            f"INSERT INTO {table.name} ({_quoted(table.columns)}) VALUES ({places})",
            converted(table.rows, table.columns.values(), _WRITTEN),
        )
        if table.last_id is not None:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, table.last_id))
    for _, statement in triggers:
        cursor.execute(statement)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
