"""A pool of connections to PostgreSQL, and the order in which transactions take locks.

Any number of threads and processes write at once. There is no lock of ours besides those of the database. To avoid
deadlocks, every transaction takes its locks in this order, and several locks of one kind in the order of their ids:

1. the row of an action that is undone, so that it is undone only once;
2. the advisory lock on news (`lock_shared`, `lock_alone`): shared by who records something new or acts on updates,
   exclusive for who changes tags or hosts. A new update and a new assignment that do not see each other would leave the
   update without its tag; a new update and a merge would leave it on a host that no longer exists;
3. the advisory lock on a repository's name, by who records something new in it. Two hosts that report a repository at
   once would each find it untagged, and two processes that report a digest would each find it new;
4. the row of a host that is new or was forgotten;
5. the rows of series. Only who holds one may change how its updates fold. Versions of a series that arrive at once
   therefore see, count and fold each other;
6. rows of tags, then of assignments, then of updates;
7. the rows of days: every notification of a host needs the same one, and holds it until the commit;
8. the row of edits.

A repeated notification takes 5, 6 and 7 in one statement. Each statement sees what was committed before it began (READ
COMMITTED, set on every connection), so that a read behind a lock sees what the lock's last holder wrote.
"""

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
from diundashboard.store.errors import NotFound, Unavailable

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
"""The key of the advisory lock on news."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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


def lock_series(cursor: Cursor, series_ids: list[int]) -> None:
    """Lock the rows of series, so that nobody else changes their updates."""
    cursor.execute("SELECT FROM series WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (series_ids,))


def lock_repositories(cursor: Cursor, names: list[str]) -> None:
    """Lock the rows of all series of these repositories, before the tags of their updates change."""
    cursor.execute(
        """
        SELECT
          FROM series
         WHERE repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
         ORDER BY id
           FOR UPDATE
        """,
        (names,),
    )


def lock_shared(cursor: Cursor) -> None:
    """Wait until nobody changes tags or hosts, and keep others from doing so: series keep their host and their tags."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (NEWS_LOCK,))


def lock_alone(cursor: Cursor) -> None:
    """Wait until nobody records anything new or changes tags or hosts, and keep others from doing so."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (NEWS_LOCK,))


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
        raise Unavailable(f"{place}: no connection was free for {POOL_TIMEOUT} seconds") from None
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"{place}: {reason}") from error


def conninfo_of(url: str) -> tuple[str, str]:
    """The conninfo string for psycopg, and a description of the server for messages, without the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message can quote part of the password.
        parts = {"host": "@"}
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    if "@" in host + name or (not port.replace(",", "").isdecimal() and port):
        raise Unavailable(
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


def time_of(time: datetime) -> datetime:
    """A stored time."""
    return time.astimezone(UTC)


def time_or_none(time: datetime | None) -> datetime | None:
    """A stored time that can be missing."""
    return None if time is None else time_of(time)


def day_of(time: datetime) -> date:
    """The day of a time, in UTC."""
    return time.astimezone(UTC).date()
