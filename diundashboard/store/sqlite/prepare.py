"""Prepare a file for the store: refuse it if it is not ours, else bring it up to date."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from diundashboard.store.errors import Unusable
from diundashboard.store.migrations import FIRST, LOCK_TIMEOUT, TABLE, SQLiteMigrations, migrate
from diundashboard.store.sqlite.connection import answering, connect, quick_check, transaction
from diundashboard.store.sqlite.derive import derive_anew
from diundashboard.store.sqlite.file import set_aside
from diundashboard.store.sqlite.hosts import name_hosts

logger = logging.getLogger("diundashboard")

# The hosts with other names that a search does not find yet.
_UNNAMED = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""

_NO_PLACE = (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG)
"""What the system says of a path at which no file can ever be."""


def prepare(path: str) -> str:
    """Migrate the file, created if there is none, to the present schema, and fill its derived columns.

    Returns the id of the database.

    Raises:
        Damaged: the file is damaged. It is left as it was.
        Unusable: the file is not ours, or no file can be there. It is left as it was.
        Unavailable: the file cannot be used now.
    """
    file = Path(path)
    with answering(path), _usable(file):
        if file.is_dir():
            raise Unusable(f"the SQLite database at {file} cannot be used: it is a folder; name a file in it")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size:
            _refuse_foreign(file)
            quick_check(path, LOCK_TIMEOUT)
        else:
            _keep_wal(path)
        migrate(SQLiteMigrations(connect(path, LOCK_TIMEOUT)))
        with closing(connect(path, LOCK_TIMEOUT)) as connection, transaction(connection, path) as cursor:
            complete(cursor)
            return str(cursor.execute("SELECT id FROM identity").fetchone()["id"])


def complete(cursor: sqlite3.Cursor) -> None:
    """Fill the derived columns that another release left to this one."""
    name_hosts(cursor, [host_id for (host_id,) in cursor.execute(_UNNAMED).fetchall()])
    derive_anew(cursor)


def held(path: str) -> int:
    """How many updates a file of ours holds, which is only looked at; 0 for any other file, or none."""
    try:
        with closing(_read_only(Path(path))) as connection:
            (count,) = connection.execute("SELECT count(*) FROM updates").fetchone()
            return int(count)
    except sqlite3.Error:
        return 0


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Turn the errors that no waiting mends into Unusable."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_PLACE:
            raise
        reason = error.strerror
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        reason = str(error)
    else:
        return
    raise Unusable(f"the SQLite database at {path} cannot be used: {reason}")


def _keep_wal(path: str) -> None:
    """Rename the remains of a removed file: SQLite would delete them."""
    wal = Path(f"{path}-wal")
    if wal.exists() and wal.stat().st_size:
        logger.warning(
            "there is no SQLite database at %s, but a file %s of an earlier one, which is kept as %s; "
            "a new, empty database is created",
            path,
            wal,
            wal.rename(set_aside(path)),
        )


def _refuse_foreign(path: Path) -> None:
    """Raise Unusable if a file holds something else. It is opened read-only, and so left as it is."""
    with closing(_read_only(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {
            name: {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))}
            for (name,) in names
        }
        migrated = (
            TABLE in tables and connection.execute(f"SELECT 1 FROM {TABLE} WHERE migration_id = ?", (FIRST,)).fetchone()
        )
    held = sorted(name for name in tables if not name.startswith(("sqlite_", "_yoyo_", "yoyo_")))
    if held and not migrated and not _first_release(tables):
        shown = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "")
        raise Unusable(
            f"the SQLite database at {path} is not one of DIUN Dashboard: it holds the tables {shown}. "
            "It was left as it is; name another file in DB_PATH"
        )


def _read_only(path: Path) -> sqlite3.Connection:
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)


_FIRST_RELEASE = {
    "updates": "image diun_version hostname status provider hub_link mime_type digest created platform ctn_name ctn_id "
    "ctn_state ctn_status received_at acknowledged_at",
    "tags": "id name",
    "tag_assignments": "image tag_id",
}


def _first_release(tables: dict[str, set[str]]) -> bool:
    """Whether these tables, with their columns, can be those of the first release."""
    return all(set(columns.split()) <= tables.get(table, set()) for table, columns in _FIRST_RELEASE.items())
