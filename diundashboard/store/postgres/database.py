"""A pool of connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import namedtuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from diundashboard.store import database
from diundashboard.store.errors import Declined, NotFound, Unavailable, Unusable

POOL_SIZE = 25
"""The most connections of one process."""

POOL_KEPT = 5
"""The connections that stay open when idle."""

CONNECTION_LIFETIME = 300
"""Seconds after which a connection is replaced."""

LOCK_WAIT = 5
"""How long an operation waits for a lock, or for the network to acknowledge what it sends, in seconds. DIUN gives up
after ten."""

POOL_TIMEOUT = 3
"""How long an operation waits for a free connection, in seconds. DIUN gives up after ten, and never asks again."""

CONNECT_TIMEOUT = 10
"""How long PostgreSQL has to accept a connection, in seconds, if the URL sets no connect_timeout."""

NEWS_LOCK = int.from_bytes(b"diunnews")
"""The key of the advisory lock on news; see `locks`."""

_LOST = ("08", "57P", "53300")
"""How the SQLSTATE begins where the server does not answer at all: connection lost, shut down or starting, too many
connections. An error without one is about the connection as well."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for no time in a column that is never null."""

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
"""Its rows are named tuples: they have names, and can be unpacked."""


class Database(database.Database):
    """The base of every area: transactions, and the time. The pool opens with the first of them."""

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._conninfo, self._place = conninfo_of(url)
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True, "row_factory": namedtuple_row},
            min_size=POOL_KEPT,
            max_size=POOL_SIZE,
            max_lifetime=CONNECTION_LIFETIME,
            timeout=POOL_TIMEOUT,
            configure=_configure_pooled,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def ping(self) -> None:
        with self._connection() as connection:
            connection.execute("SELECT id FROM updates LIMIT 1")

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        with answering(self._place):
            if self._pool.closed:
                self._pool.open()
            try:
                with self._pool.connection() as connection:
                    yield connection
            except PoolTimeout:
                # The pool's error does not say why. A connection outside the pool fails with the reason, or shows that
                # all others are in use.
                psycopg.connect(self._conninfo, connect_timeout=POOL_TIMEOUT).close()
                raise

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        with self._connection() as connection, connection.transaction(), connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _editing(self) -> Iterator[Cursor]:
        """A transaction that changes what pages show without adding a notification; see `stamp`."""
        with self._transaction() as cursor:
            yield cursor
            cursor.execute("UPDATE edits SET number = number + 1")

    @contextmanager
    def _snapshot(self) -> Iterator[Cursor]:
        """A transaction all of whose statements see the same moment."""
        with self._transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor


@contextmanager
def answering(place: str) -> Iterator[None]:
    """Turn the errors of the driver into those of the store, except for those that an operation expects."""
    try:
        yield
    except errors.NumericValueOutOfRange:
        raise NotFound("no id is that large") from None
    except (psycopg.IntegrityError, psycopg.DataError):
        raise
    except PoolTimeout:
        raise Declined(f"{place}: no connection was free for {POOL_TIMEOUT} seconds") from None
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        kind = Unavailable if (error.sqlstate or _LOST[0]).startswith(_LOST) else Declined
        raise kind(f"{place}: {reason}") from error


def conninfo_of(url: str) -> tuple[str, str]:
    """The conninfo string for psycopg, and a description of the server for messages, without the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message can quote part of the password.
        parts = {"host": "@"}
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    if "@" in host + name or (not port.replace(",", "").isdecimal() and port):
        raise Unusable(
            "DATABASE_URL is no URI or conninfo string that libpq understands; special characters in a password "
            "must be percent-encoded, such as %40 for @"
        )
    place = (
        f'PostgreSQL at {host or "the local socket"}, port {port or 5432}, database "{name or parts.get("user", "")}"'
    )
    timeout = parts.get("connect_timeout") or CONNECT_TIMEOUT
    # Notice a network that swallows packets in time to store the notification elsewhere.
    unheard = parts.get("tcp_user_timeout") or LOCK_WAIT * 1000
    return make_conninfo(url, connect_timeout=timeout, tcp_user_timeout=unheard, client_encoding="UTF8"), place


def connect(conninfo: str) -> Connection:
    """Open a connection outside the pool, which waits for a lock as long as it takes."""
    connection: Connection = psycopg.connect(conninfo, autocommit=True, row_factory=namedtuple_row)
    configure(connection)
    return connection


def _configure_pooled(connection: Connection) -> None:
    """Configure a session of the pool, which does not wait for a lock longer than DIUN waits for an answer."""
    configure(connection)
    connection.execute(f"SET lock_timeout = '{LOCK_WAIT}s'")


def configure(connection: Connection) -> None:
    """Make a session independent of the settings of the server, the database and the role.

    psycopg parses times by the first two. At another isolation level, statements would not see what was committed
    while they waited for a lock.
    """
    connection.execute(
        """
        SELECT set_config('TimeZone', 'UTC', FALSE) AS time_zone,
               set_config('DateStyle', 'ISO', FALSE) AS date_style,
               set_config('default_transaction_isolation', 'read committed', FALSE) AS isolation
        """
    )


def one(cursor: Cursor) -> Any:
    """The only row of a result that has one."""
    row = cursor.fetchone()
    assert row is not None
    return row


def firsts(rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The first column of rows."""
    return [row[0] for row in rows]


def day_of(time: datetime) -> date:
    """The day of a time, in UTC."""
    return time.astimezone(UTC).date()
