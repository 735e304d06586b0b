"""A connection of the driver: how it is opened, its transactions, and its errors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from diundashboard.store.errors import Declined, NotFound

_WAL_LIMIT = 8 * 1024 * 1024
"""Bytes to which the -wal shrinks once a checkpoint has copied all of it."""


class Damaged(Declined):
    """The content of the file is damaged."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the SQLite database at {path} is damaged: {reason}; restore a backup, see the manual")


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
            cursor.execute("COMMIT")
        except BaseException:
            # After some errors, such as a full disk, SQLite has done so already.
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise


@contextmanager
def answering(path: str) -> Iterator[None]:
    """Turn the errors of the driver into those of the store. A file is never away: the next operation can succeed."""
    try:
        yield
    except OverflowError:
        raise NotFound("this id is too large") from None
    except sqlite3.IntegrityError:
        raise
    except (sqlite3.Error, OSError) as error:
        if damaging(error):
            raise Damaged(path, str(error)) from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise Declined(f"the SQLite database at {path} cannot be used: {reason}") from error


def damaging(error: Exception) -> bool:
    """Whether an error of the driver says that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: str, timeout: float, mode: str = "rwc") -> sqlite3.Connection:
    """Open a connection whose commits survive a power cut. It waits for other writers for `timeout` seconds."""
    # An absolute path always names a file; ":memory:" would be a separate database for each connection.
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    except BaseException:
        connection.close()
        raise
    return connection


def quick_check(path: str, timeout: float) -> None:
    """Read the whole file, on a connection of its own.

    Raises:
        Damaged: it is damaged.
        sqlite3.Error: it cannot be read.
    """
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=timeout)) as connection:
        try:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            if not damaging(error):
                raise
            found = str(error)
    if found != "ok":
        raise Damaged(path, " ".join(found.split()))


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
