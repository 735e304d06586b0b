"""The folder of the spool: a file for each notification that waits, numbered in the order in which they arrived.

`waiting` holds what is to be stored, and is there only while something waits. `failed` holds what could not be stored.
`counter` holds the last number, `lock` is held by the process that stores, `database` names the owner of the folder,
`reserve` is room for when the disk is full, and `secret` a copy of what DIUN must send.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from diundashboard.notification import BODY_LIMIT
from diundashboard.spool.files import lock, open_regular, sync
from diundashboard.spool.names import arrival, microseconds, name_of, number_of, order, tried
from diundashboard.spool.reserve import Reserve

logger = logging.getLogger("diundashboard")

LIMIT = 1024**3
"""Bytes on disk that all notifications in the folder can have."""

_OURS = frozenset(("waiting", "failed", "counter", "database", "lock", "reserve", "secret"))

_BLOCK = 4096
"""Bytes that the smallest file takes."""

_ROUNDS = 10
"""How often a file is tried that finds no room, or whose folder is removed as it is empty, before the file is there."""

_WRITTEN = 60
"""Seconds after which an unfinished file must be from a killed process."""

_RECOUNT = 10
"""Seconds between two counts of a folder that seems to have reached its limit: what is stored is not subtracted."""

_FULL = (errno.ENOSPC, errno.EDQUOT)

_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

_NOT_OURS = (errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM)
"""The errors of `open_regular` where something else has the name of a file of ours."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A notification that waits: the body of the request, its time of arrival, and that of the first try."""

    body: bytes
    at: datetime
    tried: datetime


@dataclass(slots=True)
class _Count:
    """What the file `counter` holds: the last number, the last time of arrival in microseconds, the bytes on disk."""

    number: int = 0
    at: int = 0
    bytes: int = 0


class Folder:
    """All processes of one machine share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.waiting = path / "waiting"
        self.failed = path / "failed"
        self.reserve = Reserve(path / "reserve", lambda: self.open_own("reserve"))
        self._counted, self._recount_at = False, 0.0

    def keep(self, body: bytes, at: datetime) -> None:
        """Write a notification after all that wait. It is durable on return.

        Raises:
            OSError: it cannot be written, or the folder has reached its limit.
        """
        for last_round in [False] * _ROUNDS + [True]:
            try:
                self._keep(body, at)
                break
            except OSError as error:
                if last_round or error.errno not in _FULL:
                    raise
            self.reserve.give()

    def _keep(self, body: bytes, at: datetime) -> None:
        for _ in range(_ROUNDS):
            try:
                self._write(self._next_name(len(body), at), body)
            except FileNotFoundError:
                continue
            with suppress(FileNotFoundError):  # It is stored already.
                sync(self.waiting)
            return
        raise FileNotFoundError(errno.ENOENT, "it cannot be made a folder")

    def _next_name(self, size: int, at: datetime) -> str:
        """The name of one more file of this size. Its time is not before those that wait, whatever the clock says."""
        size = _on_disk(size)
        with self._counter() as last:
            fresh = self._make_waiting()
            if fresh:
                last.at = 0
            full = last.bytes + size > LIMIT and time.monotonic() > self._recount_at
            if fresh or full or not self._counted:
                self._recount(last)
            full = last.bytes + size > LIMIT
            if not full:
                last.bytes += size
                last.number += 1
                last.at = max(last.at, microseconds(at))
        if full:
            raise OSError(errno.EFBIG, f"it holds {LIMIT // 1024**2} MiB, its limit")
        return name_of(last.number, last.at, microseconds(at))

    def _write(self, name: str, body: bytes) -> None:
        written = self.waiting / f".{name}"
        try:
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb", buffering=0) as file:
                if file.write(body) < len(body):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            os.rename(written, self.waiting / name)
        except OSError:
            written.unlink(missing_ok=True)
            raise

    @contextmanager
    def _counter(self) -> Iterator[_Count]:
        """Lock the file `counter` for this thread and process. Changes are written back."""
        descriptor = self.open_own("counter")
        try:
            lock(descriptor)
            fields = os.pread(descriptor, 100, 0).split()
            valid = len(fields) == 3 and all(field.isdigit() for field in fields)
            last = _Count(*map(int, fields)) if valid else _Count()
            self._counted = self._counted and valid
            yield last
            os.pwrite(descriptor, b"%020d %020d %020d\n" % (last.number, last.at, last.bytes), 0)
        finally:
            os.close(descriptor)

    def _recount(self, last: _Count) -> None:
        """Count what is there: after a power cut, the counter can be behind it."""
        last.bytes = 0
        for folder in (self.waiting, self.failed):
            for name in _listed(folder):
                with suppress(OSError):
                    last.bytes += _on_disk(os.lstat(folder / name).st_size)
                last.number = max(last.number, number_of(name))
        self._counted = True
        self._recount_at = time.monotonic() + _RECOUNT

    def open_own(self, name: str) -> int:
        """A descriptor of a file of ours in the folder, both created if need be. What else has its name is put aside.

        Raises:
            OSError: it cannot be opened.
        """
        if not self.path.is_dir():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(OSError):
                sync(self.path.parent)
        try:
            return open_regular(self.path / name, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            self.put_aside(self.path / name)
            return open_regular(self.path / name, os.O_RDWR | os.O_CREAT)

    def _make_waiting(self) -> bool:
        """Make the folder `waiting`, durably; whether it was not there."""
        made = self._make_folder(self.waiting)
        if made:
            with suppress(OSError):
                sync(self.path)
        return made

    def _make_folder(self, folder: Path) -> bool:
        """Make a folder of ours, which belongs to the same user as the one around it; whether it was not there."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if stat.S_ISDIR(folder.lstat().st_mode):
                return False
            # Something else has this name.
            aside = folder.with_name(f".{folder.name}")
            folder.rename(aside)
            folder.mkdir(mode=0o700)
            self.put_aside(aside)
        with suppress(OSError):
            around = self.path.stat()
            os.chown(folder, around.st_uid, around.st_gid)
        return True

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether notifications wait and no other process stores them. The lock ends with its process.

        Raises:
            OSError: the folder cannot be used.
        """
        if not os.path.lexists(self.waiting):
            yield False
            return
        self._make_folder(self.waiting)
        if not os.access(self.waiting, os.W_OK | os.X_OK):
            # What is stored could not be removed, and would be stored again and again.
            raise PermissionError(errno.EACCES, "its files cannot be removed", str(self.waiting))
        descriptor = self.open_own("lock")
        try:
            lock(descriptor, timeout=0)
        except TimeoutError:
            yield False
        else:
            yield self.waiting.exists()
        finally:
            os.close(descriptor)

    def names(self) -> list[str]:
        """The names of the files that wait, oldest first, without those that are being written.

        Raises:
            OSError: the folder cannot be read.
        """
        names = [name for name in os.listdir(self.waiting) if name[0] != "." or self._left_behind(name)]
        return sorted(names, key=order)

    def _left_behind(self, name: str) -> bool:
        try:
            return abs(time.time() - os.lstat(self.waiting / name).st_mtime) > _WRITTEN
        except FileNotFoundError:
            return False

    def read(self, name: str) -> Kept | None:
        """A notification that waits; None if it is gone.

        Raises:
            OSError: this process or the machine has run out of something.
            ValueError: the file is no notification that was kept, or cannot be read.
        """
        try:
            descriptor = open_regular(self.waiting / name, os.O_RDONLY)
            with open(descriptor, "rb") as file:
                body = file.read(BODY_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                raise
            raise ValueError(f"it cannot be read: {error.strerror}") from error
        if len(body) > BODY_LIMIT:
            raise ValueError(f"it is larger than {BODY_LIMIT} bytes")
        return Kept(body, arrival(name), tried(name))

    def remove(self, name: str) -> None:
        """Remove a file whose notification is stored.

        Raises:
            OSError: it cannot be removed.
        """
        (self.waiting / name).unlink(missing_ok=True)

    def put_aside(self, path: Path) -> None:
        """Move a file that cannot be stored into `failed`, under a free name.

        Raises:
            OSError: it cannot be moved.
        """
        self._make_folder(self.failed)
        _move(path, self.failed)

    def retry(self) -> int:
        """Move every file in `failed` back to `waiting`; returns how many.

        Raises:
            OSError: one cannot be moved.
        """
        moved = 0
        for name in sorted(_listed(self.failed)):
            if stat.S_ISREG((self.failed / name).lstat().st_mode):
                self._make_waiting()
                _move(self.failed / name, self.waiting)
                moved += 1
        return moved

    def emptied(self) -> bool:
        """Remove the folder `waiting`; False if something is in it."""
        try:
            self.waiting.rmdir()
        except OSError:
            return False
        return True

    def close_to_others(self) -> None:
        """Let only its user look into the folder, which earlier releases did not; not where others have files in it."""
        with suppress(OSError):
            if _OURS.issuperset(os.listdir(self.path)):
                self.path.chmod(0o700)

    def removed(self) -> bool:
        """Remove the whole folder, unless something waits; what failed stays."""
        if os.path.lexists(self.waiting):
            return False
        with suppress(OSError):
            if _OURS.issuperset(os.listdir(self.path)) and not self.failed.exists():
                for name in os.listdir(self.path):
                    (self.path / name).unlink()
                self.path.rmdir()
        return True

    def entries_waiting(self) -> list[str]:
        """All names in `waiting`. A folder that cannot be read counts as one."""
        return _listed(self.waiting)

    def entries_failed(self) -> list[str]:
        """All names in `failed`. A folder that cannot be read counts as one."""
        return _listed(self.failed)


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError:
        return [folder.name]


def _move(path: Path, folder: Path) -> None:
    """Move a file or folder under a name that is free; only one process does so at a time."""
    name = path.name.lstrip(".") or "unnamed"
    for number in count():
        target = folder / (f"{name[:60]}~{number}" if number else name)
        if not os.path.lexists(target):
            path.rename(target)
            return
