"""One connection to one SQLite file, guarded by one lock."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diundashboard.store import database
from diundashboard.store.errors import Declined, NotFound

BUSY_TIMEOUT = 4
"""How long an operation waits for the writers of other processes, and before that for the operations of this process,
in seconds. DIUN gives up after ten."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

DAY = 86_400_000_000
"""A day in microseconds, the unit of all times in the database."""


class Database(database.Database):
    """What every area stands on: transactions, and the time. The connection opens with the first transaction."""

    _identity: str

    def __init__(self, path: str, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def ping(self) -> None:
        with self._transaction("DEFERRED") as cursor:
            cursor.execute("SELECT id FROM updates LIMIT 1")

    def identity(self) -> str:
        return self._identity

    def close(self) -> None:
        with self._turn():
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _now(self) -> int:
        """The present time in microseconds."""
        return microseconds(self._clock())

    @contextmanager
    def _transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
        """A transaction of this thread, while the others wait; see `transaction`."""
        with self._turn(), self._locked_transaction(mode) as cursor:
            yield cursor

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The lock of this process, or Declined if the operations before take too long."""
        if not self._lock.acquire(timeout=BUSY_TIMEOUT):
            raise busy(self._path)
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _editing(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that changes what pages show without adding a notification or an action; see `stamp`."""
        with self._transaction() as cursor:
            yield cursor
            cursor.execute("UPDATE edits SET number = number + 1")

    def _locked_transaction(self, mode: str = "IMMEDIATE") -> AbstractContextManager[sqlite3.Cursor]:
        """A transaction of the thread that already holds the lock."""
        if self._connection is None:
            with answering(self._path):
                self._connection = connect(self._path, BUSY_TIMEOUT)
        return transaction(self._connection, self._path, mode)


@contextmanager
def transaction(connection: sqlite3.Connection, path: str, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
    """Commit what is done with the cursor, or roll it back on an error. The cursor's rows have names.

    IMMEDIATE takes the file's write lock before anything is read, so that a later write cannot fail; DEFERRED reads.
    """
    with answering(path), closing(connection.cursor()) as cursor:
        cursor.row_factory = sqlite3.Row
        cursor.execute(f"BEGIN {mode}")
        try:
            yield cursor
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


@contextmanager
def answering(path: str) -> Iterator[None]:
    """Turn the errors of the driver into those of the store. A file is never away: the next operation can succeed."""
    try:
        yield
    except OverflowError:
        raise NotFound("no id is that large") from None
    except sqlite3.IntegrityError:
        raise
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Declined(f"the SQLite database at {path} cannot be used: {reason}") from error


def busy(path: str) -> Declined:
    """What is said to an operation that waited too long for the others of this process."""
    return Declined(f"the SQLite database at {path} cannot be used: it is busy with other things")


def connect(path: str, timeout: float) -> sqlite3.Connection:
    """Open a connection whose commits survive a power cut. It waits for other writers for `timeout` seconds."""
    # An absolute path always names a file; ":memory:" would be a separate database for each connection.
    connection = sqlite3.connect(Path(path).absolute(), timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Set the journal mode, which stays with the file. SQLite itself does not wait for the lock that this needs."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def microseconds(time: datetime) -> int:
    """A time as the database stores it: microseconds since 1970 in UTC."""
    return (time - EPOCH) // MICROSECOND


def time_of(microseconds: int) -> datetime:
    """A stored time."""
    return EPOCH + microseconds * MICROSECOND


def time_or_none(microseconds: int | None) -> datetime | None:
    """A stored time that can be missing."""
    return None if microseconds is None else time_of(microseconds)
