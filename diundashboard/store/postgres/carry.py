"""A whole database, to be carried elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from diundashboard.model import Contents, Filled, Form, Invalid, Row
from diundashboard.store import carry
from diundashboard.store.carried import TABLES, Table, converted
from diundashboard.store.errors import Conflict
from diundashboard.store.migrations import TABLE, PostgresMigrations, apply, roll_back
from diundashboard.store.postgres.database import EPOCH, Cursor, Database, answering, connect, one
from diundashboard.store.postgres.locks import lock_alone
from diundashboard.store.postgres.prepare import complete
from diundashboard.store.postgres.watch import Connection

_EXPRESSIONS = {
    Form.INTEGER: sql.SQL("{}::bigint"),
    Form.TIME: sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint"),
    Form.DAY: sql.SQL("({} - DATE '1970-01-01')::bigint"),
}
_TYPES = {
    Form.INTEGER: "int8",
    Form.TEXT: "text",
    Form.BOOLEAN: "bool",
    Form.TIME: "int8",
    Form.DAY: "int8",
    Form.BYTES: "bytea",
    Form.JSON: "jsonb",
    Form.LIST: "text[]",
}
_WRITTEN: dict[Form, Callable[[Any], Any]] = {
    Form.TIME: lambda microseconds: EPOCH + timedelta(microseconds=microseconds),
    Form.DAY: lambda days: date(1970, 1, 1) + timedelta(days=days),
    Form.JSON: Jsonb,
}


class Carry(carry.Carry, Database):
    def is_empty(self) -> bool:
        with self._transaction() as cursor:
            return _used(cursor) is None

    @contextmanager
    def contents(self) -> Iterator[Contents]:
        with answering(self._place), closing(connect(self._conninfo)) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _take_time(connection)
            schema = connection.execute(sql.SQL("SELECT max(migration_id) FROM {}").format(sql.Identifier(TABLE)))
            (name,) = one(schema)
            yield Contents(name, (_filled(connection, table) for table in TABLES))

    def restore(self, contents: Contents) -> None:
        with answering(self._place), _fitting(), PostgresMigrations(connect(self._conninfo)) as backend:
            connection: Connection = backend.connection
            with backend.transaction(), connection.cursor() as cursor:
                _take_time(connection)
                lock_alone(cursor)
                names = sql.SQL(", ").join(sql.Identifier(table.name) for table in TABLES)
                cursor.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(names))
                if used := _used(cursor):
                    raise Conflict(f"{self._place} is not empty: it has {used}")
                roll_back(backend, contents.schema)
                _fill(cursor, contents.tables)
                apply(backend)
                complete(cursor)
                cursor.execute("ANALYZE")


@contextmanager
def _fitting() -> Iterator[None]:
    """Raise Invalid for the errors of rows that do not fit their table."""
    try:
        yield
    except Invalid:
        raise
    except (psycopg.IntegrityError, psycopg.DataError, OverflowError, TypeError, ValueError) as error:
        raise Invalid(f"its rows do not fit the tables: {' '.join(str(error).split())}") from error


def _take_time(connection: Connection) -> None:
    """Let this transaction take as long as it needs, whatever limit the server or the role sets."""
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _used(cursor: Cursor) -> str | None:
    """The name of a table that is not empty."""
    for table in TABLES:
        if (
            table.used
            and cursor.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table.name))).fetchone()
        ):
            return table.name
    return None


def _filled(connection: Connection, table: Table) -> Filled:
    last_id = None
    if "id" in table.columns:
        last_id = one(
            connection.execute(
                "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass), 0) AS last_id",
                (table.name,),
            )
        ).last_id
    return Filled(table.name, table.columns, last_id, _rows(connection, table))


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    """The rows as COPY sends them: one by one, however large they are."""
    columns = [
        _EXPRESSIONS.get(form, sql.SQL("{}")).format(sql.Identifier(name)) for name, form in table.columns.items()
    ]
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT BINARY)").format(
        sql.SQL(", ").join(columns),
        sql.Identifier(table.name),
        sql.SQL(", ").join(_sorted(name, table.columns[name]) for name in table.order),
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types([_TYPES[form] for form in table.columns.values()])
        yield from copy.rows()


def _sorted(name: str, form: Form) -> sql.Composed:
    """As SQLite sorts. An id is never null, and is sorted by its index."""
    if name == "id":
        return sql.SQL("{}").format(sql.Identifier(name))
    collation = sql.SQL(' COLLATE "C"' if form is Form.TEXT else "")
    return sql.SQL("{}{} NULLS FIRST").format(sql.Identifier(name), collation)


def _fill(cursor: Cursor, tables: Iterator[Filled]) -> None:
    last_ids = {}
    for table in tables:
        name = sql.Identifier(table.name)
        cursor.execute(sql.SQL("DELETE FROM {}").format(name))
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copy:
            for row in converted(table.rows, table.columns.values(), _WRITTEN):
                copy.write_row(row)
        if table.last_id is not None:
            last_ids[table.name] = table.last_id
    # Nothing takes a sequence back, so this waits until all has been read.
    for table_name, last_id in last_ids.items():
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(%s, 1), %s > 0)", (table_name, last_id, last_id)
        )
