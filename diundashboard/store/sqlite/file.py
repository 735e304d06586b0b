"""An open database file, and whether the file at its path is still that one.

SQLite opens a database and its two companions, PATH-wal and PATH-shm, by name, and never looks at the names again: it
goes on writing to files that were removed, and over what somebody copied into them. Nothing here opens PATH or
PATH-shm: to close any descriptor of a file takes away every lock that SQLite holds on it in this process. What must be
read is read through SQLite's own descriptors.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import randrange
from typing import NamedTuple

from diundashboard.store.sqlite.connection import connect

logger = logging.getLogger("diundashboard")

CHECKPOINT_FRAMES = 1000
"""How many pages the -wal holds before a checkpoint copies them into the file: SQLite's own default."""

Identity = tuple[int, int]
"""The device and the inode of a file."""

State = tuple[int, int, int, int]
"""The device, the inode, the size in bytes and the time of the last change of a file."""

_INDEX_BYTES = 136
_HEADER_BYTES = 100
_COMPANIONS = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Loss:
    """Why an open file can no longer be used.

    `whole`: nobody has written into the file, wherever it is now; `damaged`: nor is it certain what it holds.
    """

    reason: str
    whole: bool
    damaged: bool = False


class _Index(NamedTuple):
    """What PATH-shm says about the -wal; https://sqlite.org/walformat.html, "The WAL-Index File Format"."""

    frames: int
    page_size: int
    salt: bytes
    copied: int
    copying: int

    @property
    def waiting(self) -> int:
        """The frames that no checkpoint has copied into the file yet."""
        return self.frames - self.copied

    @property
    def checkpoint(self) -> tuple[bytes, int, int]:
        """Another value after each checkpoint, and while one runs."""
        return self.salt, self.copied, self.copying

    @property
    def wal_size(self) -> int:
        """The bytes that the -wal has at least."""
        return 32 + self.frames * (24 + self.page_size) if self.frames else 0


class OpenFile:
    """A connection, and what its three files looked like when SQLite last wrote to them."""

    def __init__(self, path: str, timeout: float) -> None:
        """Open the file, which must be there and have content, for the threads of this process.

        Raises:
            sqlite3.Error, OSError: it cannot be opened.
        """
        self._path = path
        self.connection = connect(path, timeout, "rw")
        try:
            self.connection.execute("PRAGMA wal_autocheckpoint = 0")
            # A file that is only read needs no seal. And after a process was killed, the index looks as if a checkpoint
            # was running until one has run.
            with suppress(sqlite3.OperationalError):
                self.connection.execute(f"PRAGMA user_version = {_seal()}")
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._files = {suffix: identity(path + suffix) for suffix in ("", *_COMPANIONS)}
            self._shm = _descriptor(self._files["-shm"])
            self._seen, self._checkpoint, self._header = self._look(self._index())
        except BaseException:
            self.connection.close()
            raise
        self.touched = False
        """Whether another program wrote to the file, and left its first page as it was."""
        self.due = False
        """Whether a checkpoint was due at the last look."""

    @property
    def main(self) -> Identity | None:
        return self._files[""]

    def waiting(self) -> int:
        """The frames of the -wal that no checkpoint has copied into the file yet."""
        return self._index().waiting

    def loss(self, companions: bool = True) -> Loss | None:
        """Why a commit now would be lost; None if the files are the ones that were opened."""
        index = self._index()
        self.due = index.waiting >= CHECKPOINT_FRAMES
        try:
            found = os.stat(self._path)
        except OSError:
            return Loss("it was removed", whole=True)
        if (found.st_dev, found.st_ino) != self.main:
            return Loss("another file has taken its place", whole=True)
        if (found.st_size, found.st_mtime_ns) == self._seen:
            self._checkpoint = index.checkpoint
        elif self._overwritten():
            return Loss("it was overwritten", whole=False)
        return self._loss_of_companions(index) if companions else None

    def _loss_of_companions(self, index: _Index) -> Loss | None:
        sizes = {}
        for suffix in _COMPANIONS:
            found = state(self._path + suffix)
            if found is None or found[:2] != self._files[suffix]:
                return Loss(f"its file {suffix} was removed or replaced", whole=True)
            sizes[suffix] = found[2]
        # Where another process has emptied the -wal in between, the index is another by now.
        if sizes["-wal"] < index.wal_size and self._index() == index:
            return Loss("its file -wal was cut off", whole=False)
        return None

    def seal(self, cursor: sqlite3.Cursor) -> int:
        """Give the next checkpoint a first page that no copy of the file has, and return its number.

        A transaction need not change the first page. Without this, an older copy could look like the file itself.
        """
        number = _seal()
        cursor.execute(f"PRAGMA user_version = {number}")
        return number

    def checkpoint(self, seal: int, mode: str = "PASSIVE") -> Loss | None:
        """Copy the -wal into the file, as far as no other process still reads it.

        Nothing is copied while another process of ours opens the file anew: what it writes would be overwritten.
        """
        with alone(self._path, wait=False) as granted:
            if not granted:
                return None
            if loss := self.loss():
                return loss
            busy, _, _ = self.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            index = self._index()
            if busy or index.waiting:
                return None
            self._seen, self._checkpoint, self._header = self._look(index)
        (found,) = struct.unpack_from(">I", self._header, 60)
        return None if found == seal else Loss("it was overwritten", whole=False)

    def leave(self, loss: Loss) -> bool:
        """Close the connection, so that SQLite writes nothing into what is no longer its file, and take its companions
        away from the path. The caller is `alone`, and stays so until it has opened what is at the path.

        What only the -wal held goes where it belongs, or is kept beside the path. Returns whether it is done; if not,
        it is to be tried again.
        """
        companions = {suffix: identity(self._path + suffix) for suffix in _COMPANIONS}
        ours = [suffix for suffix, found in companions.items() if found == self._files[suffix]]
        in_place = identity(self._path) == self.main
        # Another process of ours was faster, and has opened the file anew. What this one wrote since then counts for
        # nothing: none of it was answered as stored.
        reopened = in_place and companions["-shm"] is not None and "-shm" not in ours
        if loss.whole and not reopened:
            with suppress(sqlite3.Error):
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if in_place and self.waiting():
                if loss.damaged:
                    self.connection.close()
                return loss.damaged
            if os.fstat(_descriptor(self.main)).st_nlink == 0:
                self._rescue()
        if "-wal" in ours and self.waiting():
            aside = set_aside(self._path)
            shutil.copyfile(f"{self._path}-wal", aside)
            logger.warning("data that only %s-wal held is kept in %s", self._path, aside)
        if not loss.whole or reopened:
            # SQLite copies the -wal into the file when it closes the last connection, unless it cannot read it.
            os.ftruncate(_descriptor(self._files["-wal"]), 0)
        self.connection.close()
        for suffix in ours:
            Path(self._path + suffix).unlink(missing_ok=True)
        return True

    def _rescue(self) -> None:
        """Save the removed file, which is still there as long as it is open."""
        saved = f"{self._path}.removed-{_stamp()}"
        try:
            with closing(sqlite3.connect(saved)) as copy:
                self.connection.backup(copy)
        except sqlite3.Error as error:
            logger.error("the removed SQLite database could not be saved to %s: %s", saved, error)
        else:
            logger.warning("the removed SQLite database was saved to %s", saved)

    def _overwritten(self) -> bool:
        """Whether something else than a checkpoint has written to the file since the last look."""
        index, size, checkpoint, header = self._index(), self._seen[0], self._checkpoint, self._header
        self._seen, self._checkpoint, self._header = self._look(index)
        if index.checkpoint != checkpoint or index.copying != index.copied:
            return False
        if self._header != header or self._seen[0] < size:
            return True
        self.touched = True
        return False

    def _look(self, index: _Index) -> tuple[tuple[int, int], tuple[bytes, int, int], bytes]:
        """The file's size and time, its checkpoints so far, and its header.

        As the index was read before, a checkpoint that another process runs meanwhile shows in that of the next look.
        """
        found = os.stat(self._path)
        header = os.pread(_descriptor(self.main), _HEADER_BYTES, 0)
        return (found.st_size, found.st_mtime_ns), index.checkpoint, header

    def _index(self) -> _Index:
        found = os.pread(self._shm, _INDEX_BYTES, 0)
        (page_size,) = struct.unpack_from("=H", found, 14)
        (frames,) = struct.unpack_from("=I", found, 16)
        (copied,) = struct.unpack_from("=I", found, 96)
        (copying,) = struct.unpack_from("=I", found, 128)
        return _Index(frames, 65536 if page_size == 1 else page_size, found[32:40], copied, copying)


def identity(path: str) -> Identity | None:
    """The device and the inode of the file at a path; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def state(path: str) -> State | None:
    """What changes with the file at a path; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def set_aside(path: str) -> str:
    """A new name beside the path for its old -wal."""
    return f"{path}-wal.old-{_stamp()}"


def _seal() -> int:
    return randrange(1, 2**31)  # noqa: S311 - an identity, not a secret


def _stamp() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.time_ns() % 1_000_000_000:09}"


def _descriptor(file: Identity | None) -> int:
    """A descriptor of this file that the process has open already."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError, ValueError):
            found = os.fstat(int(name))
            if (found.st_dev, found.st_ino) == file:
                return int(name)
    raise FileNotFoundError(f"{file} is not open")


@contextmanager
def alone(path: str, wait: bool = True) -> Iterator[bool]:
    """One process at a time gives up a file and opens it anew; the lock ends with its process.

    Whether this one has the lock, which it always has if it waits.
    """
    folder = Path(path).absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
