"""An open database file, and whether the file at its path is still that one.

SQLite opens a database and its two companions, PATH-wal and PATH-shm, by name, and never checks the names again: it
keeps writing to files that were removed, and overwrites what somebody copied into them. Nothing here opens PATH or
PATH-shm, because closing any descriptor of a file drops every lock that SQLite holds on it in this process. Reads use
SQLite's own descriptors.
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

    `whole`: nobody else has written into the file, wherever it is now. `damaged`: its content may be wrong.
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
        """A value that changes with each checkpoint, and while one runs."""
        return self.salt, self.copied, self.copying

    @property
    def wal_size(self) -> int:
        """The least number of bytes that the -wal has."""
        return 32 + self.frames * (24 + self.page_size) if self.frames else 0


class OpenFile:
    """A connection, and what its three files looked like when SQLite last wrote to them."""

    def __init__(self, path: str, timeout: float) -> None:
        """Open the file, which must exist and not be empty, for the threads of this process.

        Raises:
            sqlite3.Error, OSError: it cannot be opened.
        """
        self._path = path
        self.connection = connect(path, timeout, "rw")
        try:
            self.connection.execute("PRAGMA wal_autocheckpoint = 0")
            # A file that can only be read needs no seal. The checkpoint is for a process that was killed: until one
            # has run, the index looks as if it still did.
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
        """Whether another program wrote to the file without changing its first page."""
        self.due = False
        """Whether a checkpoint was due at the last check."""

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
        # If another process has emptied the -wal meanwhile, the index has changed too.
        if sizes["-wal"] < index.wal_size and self._index() == index:
            return Loss("its file -wal was cut off", whole=False)
        return None

    def seal(self, cursor: sqlite3.Cursor) -> int:
        """Give the next checkpoint a first page that no copy of the file has, and return its number.

        A transaction may leave the first page unchanged. Without a seal, an older copy could look like the file itself.
        """
        number = _seal()
        cursor.execute(f"PRAGMA user_version = {number}")
        return number

    def checkpoint(self, seal: int, mode: str = "PASSIVE") -> Loss | None:
        """Copy the part of the -wal that no other process still reads into the file.

        Nothing is copied while another process of ours reopens the file: its changes would be overwritten.
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
        """Close the connection, so that SQLite writes nothing into a file that is no longer its own, and remove its
        companions from the path. The caller holds `alone` until it has opened the file that is at the path now.

        Data that only the -wal holds is written to its file, or kept beside the path. Returns whether this succeeded;
        if not, try again.
        """
        companions = {suffix: identity(self._path + suffix) for suffix in _COMPANIONS}
        ours = [suffix for suffix, found in companions.items() if found == self._files[suffix]]
        in_place = identity(self._path) == self.main
        # Another process of ours was faster, and has reopened the file. What this one wrote since then can be
        # dropped: nobody was told that it is stored.
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
        """Save the removed file, which exists until it is closed."""
        saved = f"{self._path}.removed-{_stamp()}"
        try:
            with closing(sqlite3.connect(saved)) as copy:
                self.connection.backup(copy)
        except sqlite3.Error as error:
            logger.error("the removed SQLite database could not be saved to %s: %s", saved, error)
        else:
            logger.warning("the removed SQLite database was saved to %s", saved)

    def _overwritten(self) -> bool:
        """Whether anything but a checkpoint has written to the file since the last check."""
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

        The index was read before, so a checkpoint that another process runs meanwhile shows at the next check.
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
    """The state of the file at a path; None if there is none."""
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
    """A descriptor of this file that the process already has open."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError, ValueError):
            found = os.fstat(int(name))
            if (found.st_dev, found.st_ino) == file:
                return int(name)
    raise FileNotFoundError(f"{file} is not open")


@contextmanager
def alone(path: str, wait: bool = True) -> Iterator[bool]:
    """Let only one process at a time close and reopen a file. The lock ends with its process.

    Yields whether this process has the lock, which is always true if it waits.
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
