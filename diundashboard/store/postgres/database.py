"""A pool of connections to PostgreSQL."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from diundashboard.store import database
from diundashboard.store.database import ACTION_LIMIT, OPERATION_LIMIT
from diundashboard.store.errors import Declined, NotFound, Unavailable, Unusable
from diundashboard.store.migrations import LOCK_TIMEOUT
from diundashboard.store.postgres.watch import Connection, Watch, reason_of

# The pool warns of each connection that it replaces. The operation that fails says why.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

POOL_SIZE = 25
"""The most connections of one process."""

POOL_KEPT = 5
"""The connections that stay open when idle."""

CONNECTION_LIFETIME = 300
"""Seconds after which a connection is replaced."""

LOCK_WAIT = 4
"""How long an operation waits for a lock, in seconds: less than it has in all, so that the error says what it was."""

PING_LOCK_WAIT = 1
"""How long a check of the database waits for a lock, in seconds."""

POOL_TIMEOUT = 3
"""How long an operation waits for a free connection, in seconds."""

RECONNECT_TIMEOUT = 5
"""Seconds after which the pool stops trying to replace a connection, with longer and longer pauses. The next operation
that needs one tries again."""

CONNECT_TIMEOUT = 10
"""How long PostgreSQL has to accept a connection, in seconds, if the URL sets no connect_timeout."""

CLOSING_TIMEOUT = 1
"""How long an ending process waits for each thread of the pool, which may be connecting, in seconds."""

NETWORK = {"tcp_user_timeout": 5000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""How a peer that is gone is noticed, if the URL does not set it: what is sent is acknowledged within 5,000 ms, and
what is idle is probed after 10 seconds, three times."""

NEWS_LOCK = int.from_bytes(b"diunnews")
"""The key of the advisory lock on news; see `locks`."""

_LOST = ("08", "57P", "53300")
"""How the SQLSTATE begins where the server does not answer at all: connection lost, shut down or starting, too many
connections. An error without one is about the connection as well."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""A placeholder for "no time" in a column that is never null."""

TABLES: LiteralString = """
    hosts, series, updates, notifications, days, actions, action_items, tags, tag_assignments, tag_rules, views,
    refusals, edits, version_rules, identity, pulses, runs, accounts, sessions, browsers, attempts, setup_codes,
    secrets, tokens, audit
"""
"""Every table of the store."""

Cursor = psycopg.Cursor[Any]
"""Its rows are named tuples: they have names, and can be unpacked."""


class Database(database.Database):
    """The base of every area: transactions, and the time. The pool opens with the first of them."""

    _identity: str

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._conninfo, self._place = conninfo_of(url)
        self._watch = Watch()
        self._refusal = ""
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._conninfo,
            connection_class=Connection,
            kwargs={"autocommit": True, "row_factory": namedtuple_row, "outcome": self._remember_refusal},
            min_size=POOL_KEPT,
            max_size=POOL_SIZE,
            max_lifetime=CONNECTION_LIFETIME,
            reconnect_timeout=RECONNECT_TIMEOUT,
            configure=self._configure,
            open=False,
        )

    def ping(self) -> None:
        """Check that every table is there, that one could be written, and that the disk takes a temporary file."""
        with self._connection() as connection, connection.transaction(force_rollback=True):
            connection.execute(f"SET LOCAL lock_timeout = '{PING_LOCK_WAIT}s'")
            connection.execute(f"SELECT FROM {TABLES} WHERE FALSE")
            # A row that is rolled back need not reach a disk that is full, but what does not fit into memory does.
            connection.execute("SET LOCAL work_mem = '64kB'")
            connection.execute("SELECT count(*) FROM generate_series(1, 5000)")
            # A transaction that holds the row is writing. Do not wait for it.
            connection.execute(
                """
                UPDATE edits
                   SET number = number
                 WHERE EXISTS (SELECT FROM edits FOR NO KEY UPDATE SKIP LOCKED)
                """
            )

    def identity(self) -> str:
        return self._identity

    def close(self) -> None:
        self._pool.close(CLOSING_TIMEOUT)
        self._watch.stop()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own. It has OPERATION_LIMIT seconds in all."""
        deadline = time.monotonic() + OPERATION_LIMIT
        with answering(self._place):
            connection = self._connection_that_lives()
            self._watch.begin(connection, deadline)
            try:
                yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if not connection.late:
                    raise
                raise Unavailable(f"{self._place}: no answer in time") from None
            finally:
                self._watch.end(connection)
                if connection.late or connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    connection.close()
                self._pool.putconn(connection)

    def _connection_that_lives(self) -> Connection:
        """A connection of the pool on which the server has not said that it ends."""
        if self._pool.closed:
            self._pool.open()
            self._watch.start()
        deadline = time.monotonic() + POOL_TIMEOUT
        try:
            while not (connection := self._pool.getconn(deadline - time.monotonic())).is_silent():
                connection.close()
                self._pool.putconn(connection)
        except PoolTimeout:
            if self._refusal:
                raise Unavailable(f"{self._place}: {self._refusal}") from None
            raise Declined(f"{self._place}: no connection was free for {POOL_TIMEOUT} seconds") from None
        return connection

    def _configure(self, connection: Connection) -> None:
        """Configure a session of the pool, which keeps a lock from others no longer than an action may take."""
        self._watch.begin(connection, time.monotonic() + CONNECT_TIMEOUT)
        try:
            configure(connection, LOCK_WAIT)
            connection.execute(f"SET idle_in_transaction_session_timeout = '{ACTION_LIMIT}s'")
        finally:
            self._watch.end(connection)

    def _remember_refusal(self, reason: str) -> None:
        """Keep why the last connection could not be made; the pool's own error does not name it."""
        self._refusal = reason

    @contextmanager
    def _transaction(self, seconds: float = OPERATION_LIMIT) -> Iterator[Cursor]:
        """A transaction that may take this long, on a server that answers at the beginning."""
        with self._connection() as connection, connection.transaction(), connection.cursor() as cursor:
            if seconds > OPERATION_LIMIT:
                self._watch.extend(connection, time.monotonic() + seconds)
            yield cursor

    @contextmanager
    def _editing(self) -> Iterator[Cursor]:
        """A transaction that changes what pages show without adding a notification; see `stamp`."""
        with self._transaction(ACTION_LIMIT) as cursor:
            yield cursor
            cursor.execute("UPDATE edits SET number = number + 1")

    @contextmanager
    def _snapshot(self, seconds: float = OPERATION_LIMIT) -> Iterator[Cursor]:
        """A transaction all of whose statements see the same moment."""
        with self._transaction(seconds) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor


@contextmanager
def answering(place: str) -> Iterator[None]:
    """Turn the errors of the driver into those of the store, except for those that an operation expects."""
    try:
        yield
    except errors.NumericValueOutOfRange:
        raise NotFound("this id is too large") from None
    except (psycopg.IntegrityError, psycopg.DataError):
        raise
    except psycopg.Error as error:
        kind = Unavailable if (error.sqlstate or _LOST[0]).startswith(_LOST) else Declined
        raise kind(f"{place}: {reason_of(error)}") from error


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
            "DATABASE_URL is not a URI or conninfo string that libpq understands; special characters in a password "
            "must be percent-encoded, such as %40 for @"
        )
    place = (
        f'PostgreSQL at {host or "the local socket"}, port {port or 5432}, database "{name or parts.get("user", "")}"'
    )
    timeout = parts.get("connect_timeout") or CONNECT_TIMEOUT
    network = {name: parts.get(name) or value for name, value in NETWORK.items()}
    return make_conninfo(url, connect_timeout=timeout, client_encoding="UTF8", **network), place


def connect(conninfo: str) -> Connection:
    """Open a connection outside the pool, which has no deadline, and waits for a lock as a starting process does."""
    connection: Connection = Connection.connect(conninfo, autocommit=True, row_factory=namedtuple_row)
    configure(connection, LOCK_TIMEOUT)
    return connection


def configure(connection: Connection, lock_wait: float) -> None:
    """Make a session independent of the settings of the server, the database and the role.

    psycopg parses times by the first two. At another isolation level, statements would not see what was committed
    while they waited for a lock. Where commits do not wait for the disk, they do here; `local` stays, as it is durable
    on this server, and a person who sets it does not want to wait for another.
    """
    row = one(
        connection.execute(
            """
            SELECT set_config('TimeZone', 'UTC', FALSE) AS time_zone,
                   set_config('DateStyle', 'ISO', FALSE) AS date_style,
                   set_config('default_transaction_isolation', 'read committed', FALSE) AS isolation,
                   set_config('lock_timeout', %s, FALSE) AS lock_timeout,
                   set_config(
                       'synchronous_commit',
                       coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'),
                       FALSE
                   ) AS durability,
                   clock_timestamp() AS moment
            """,
            (f"{lock_wait}s",),
        )
    )
    connection.set_clock(row.moment)


def one(cursor: Cursor) -> Any:
    """The only row of a result that has one."""
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - it tells mypy what holds
    return row


def firsts(rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The first column of rows."""
    return [row[0] for row in rows]


def day_of(time: datetime) -> date:
    """The day of a time, in UTC."""
    return time.astimezone(UTC).date()
