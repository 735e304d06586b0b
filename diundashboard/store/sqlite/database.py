"""The base of every area: transactions of one connection to one SQLite file, guarded by one lock, and the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from diundashboard.store import database
from diundashboard.store.carried import LEFT_OUT
from diundashboard.store.carried import TABLES as CARRIED
from diundashboard.store.errors import Declined, Unavailable
from diundashboard.store.sqlite.connection import transaction
from diundashboard.store.sqlite.keeper import BUSY_TIMEOUT, Keeper, busy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

DAY = 86_400_000_000
"""A day in microseconds, the unit of all times in the database."""

TABLES = frozenset((*LEFT_OUT, *(table.name for table in CARRIED)))
"""Every table of the present schema."""


class Database(database.Database):
    """The base of every area: transactions, and the time. The connection opens with the first transaction."""

    def __init__(self, path: str, clock: Callable[[], datetime], prepare: Callable[[str], str]) -> None:
        self._path = path
        self._clock = clock
        self._keeper = Keeper(path, prepare)
        self._lock = self._keeper.lock

    def ping(self) -> None:
        with self._turn(), self._locked_transaction(probe=True) as cursor:
            found = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if missing := TABLES - {name for (name,) in found}:
                raise Declined(
                    f"the SQLite database at {self._path} cannot be used: it has no table {min(missing)}; "
                    "restore a backup, see the manual"
                )
            # Only a commit shows that the disk accepts data, and SQLite writes nothing if nothing changes.
            self._keeper.open().seal(cursor)

    def identity(self) -> str:
        return self._keeper.database_id

    def close(self) -> None:
        self._keeper.close()

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

    @contextmanager
    def _locked_transaction(self, mode: str = "IMMEDIATE", probe: bool = False) -> Iterator[sqlite3.Cursor]:
        """A transaction of the thread that already holds the lock. A probe writes nothing that is worth a checkpoint.

        Raises:
            Unavailable: the file cannot be used, or was lost meanwhile, and with it perhaps what was committed.
        """
        file = self._keeper.open()
        writes = mode != "DEFERRED"
        seal = None
        if writes:
            self._keeper.verify(file, companions=False)
        try:
            with transaction(file.connection, self._path, mode) as cursor:
                yield cursor
                if writes and file.due:
                    seal = file.seal(cursor)
        except Unavailable as error:
            self._keeper.failed(file, error)
            raise
        if writes:
            self._keeper.verify(file)
            if not probe:
                self._keeper.written(file, seal)


def microseconds(time: datetime) -> int:
    """A time as the database stores it: microseconds since 1970 in UTC."""
    return (time - EPOCH) // MICROSECOND


def time_of(microseconds: int) -> datetime:
    """A stored time."""
    return EPOCH + microseconds * MICROSECOND


def time_or_none(microseconds: int | None) -> datetime | None:
    """A stored time that can be missing."""
    return None if microseconds is None else time_of(microseconds)
