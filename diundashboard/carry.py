"""The commands that carry a whole database: backup, restore, transfer."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from diundashboard import backup
from diundashboard.config import Config
from diundashboard.model import Contents, Filled, Invalid, Row
from diundashboard.store import Store, open_store

STEP = 50_000
"""How many rows of a table to process between two reports of progress."""

logger = logging.getLogger("diundashboard")


def back_up(config: Config, name: str, force: bool) -> None:
    """Write what the configured database holds to a new file, or to stdout if its name is `-`.

    The file is there once it is complete and on the disk, readable by its owner only.

    Raises:
        Invalid: the file exists and `force` is false, it cannot be written, or there is no database.
        Unavailable: the database does not answer.
    """
    if name == "-" and sys.stdout.isatty():
        raise Invalid("a backup is binary data: name a file, or redirect the output to one")
    if name != "-" and not force and os.path.lexists(name):
        raise Invalid(f"{name} exists: name another file, or replace it with --force")
    with closing(_open_filled(config)) as store, store.contents() as contents, _written(name) as stream:
        backup.write(_told(contents), stream)


def restore(config: Config, name: str) -> None:
    """Store what a file holds, or stdin if its name is `-`, in the configured database, which must be empty.

    Raises:
        Invalid: the file cannot be read, is not a backup, or is damaged. The database stays as it was.
        Conflict: the database is not empty.
        Unavailable: the database does not answer.
    """
    try:
        with open(sys.stdin.fileno() if name == "-" else name, "rb", closefd=name != "-") as stream:
            contents = backup.read(stream)
            with closing(open_store(config)) as store:
                store.restore(_told(contents))
    except Invalid as error:
        raise Invalid(f"{'stdin' if name == '-' else name} cannot be restored: {error}") from error
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror}") from error


def transfer(source: Config, target: Config) -> None:
    """Store what one database holds in another one, which must be empty.

    Raises:
        Invalid: the source database does not exist.
        Conflict: the other database is not empty.
        Unavailable: one of them does not answer.
    """
    with (
        closing(_open_filled(source)) as store,
        closing(open_store(target)) as other,
        store.contents() as contents,
    ):
        other.restore(_told(contents))


def database_at(config: Config, text: str) -> Config:
    """The settings for another database: a URI or conninfo string of PostgreSQL, or the path of a SQLite file."""
    if re.match(r"postgres(ql)?://|\s*\w+\s*=", text):
        return replace(config, database_url=text)
    return replace(config, database_url="", db_path=text)


def tell_of_other(config: Config, store: Store) -> None:
    """Warn if PostgreSQL is used and empty while a SQLite file has updates that may be missed."""
    if not config.database_url:
        return
    from diundashboard.store.sqlite.prepare import held

    if (count := held(config.db_path)) and store.is_empty():
        logger.warning(
            "WARNING: PostgreSQL is empty, but the SQLite file %s holds %d updates. To copy them, run: "
            "diundashboard transfer --from %s",
            config.db_path,
            count,
            shlex.quote(config.db_path),
        )


def _open_filled(config: Config) -> Store:
    """Open a database that exists. SQLite would create a missing file."""
    if not config.database_url and not os.path.exists(config.db_path):
        raise Invalid(f"there is no SQLite file {config.db_path}")
    return open_store(config)


@contextmanager
def _written(name: str) -> Iterator[BinaryIO]:
    """Yield a temporary file that replaces the file when the block ends, and is removed if the block fails."""
    try:
        if name == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        folder = Path(name).absolute().parent
        descriptor, temporary = tempfile.mkstemp(prefix=f".{Path(name).name}.", dir=folder)
        try:
            with open(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(descriptor)
            os.replace(temporary, name)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync(folder)
    except OSError as error:
        raise Invalid(f"{'stdout' if name == '-' else name} cannot be written: {error.strerror}") from error


def _sync(folder: Path) -> None:
    """Make the new name of a file survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(contents: Contents) -> Contents:
    """The same contents, with progress on stderr while they are read."""
    return replace(contents, tables=(replace(table, rows=_told_rows(table)) for table in contents.tables))


def _told_rows(table: Filled) -> Iterator[Row]:
    count = 0
    for row in table.rows:
        yield row
        count += 1
        if count % STEP == 0:
            print(f"{table.name}: {count} ...", file=sys.stderr, flush=True)
    if count:
        print(f"{table.name}: {count}", file=sys.stderr, flush=True)
