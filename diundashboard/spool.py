"""Where notifications wait that the database cannot take now: a folder with a file for each, in the order they came.

DIUN says a thing once. While something waits here, what comes later waits behind it, so that a digest is never replaced
by an older one. A file is removed after its notification is stored; a process that is killed between the two stores it
once more, which adds a line to the history and changes nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Protocol

from diundashboard.clock import now
from diundashboard.notification import Notification, parse
from diundashboard.store import Unavailable

logger = logging.getLogger("diundashboard")

INTERVAL = 5
"""Seconds between two looks at what waits."""

_ROUNDS = 10
"""How often a file is tried whose folder is removed, as it is empty, before the file is there."""

_LOOK = 0.1
"""Seconds after which a process sees that another has kept something: to look costs as much as to parse."""

_WRITTEN = 60
"""Seconds after which a file that is still being written is one that a killed process has left behind."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a notification: it is stored, or kept on disk until it can be.

    `update` is the id of the update that a stored one is about; None for DIUN's test, which is about none.
    """

    stored: bool
    update: int | None = None


@dataclass(frozen=True, slots=True)
class SpoolState:
    """How many notifications wait, for how many seconds the oldest has, and how many were put aside."""

    waiting: int
    oldest_waiting_s: float | None
    failed: int


class Records(Protocol):
    """Where notifications are stored: a store, or the way to one."""

    def record(self, notification: Notification, at: datetime | None = None) -> int | None: ...


class Spool:
    """All processes of one machine share the folder. Its subfolder `waiting` is there only while something waits."""

    def __init__(self, folder: Path, store: Records, clock: Callable[[], datetime] = now) -> None:
        self._folder = folder / "waiting"
        self._aside = folder / "failed"
        self._store = store
        self._clock = clock
        self._numbers = itertools.count()
        self._waits, self._look_again_at = False, 0.0
        self._state, self._count_again_at = SpoolState(0, None, 0), 0.0

    def state(self) -> SpoolState:
        """What waits, and what was put aside; at most a second old."""
        if (moment := time.monotonic()) >= self._count_again_at:
            self._state, self._count_again_at = self._count(), moment + 1
        return self._state

    def _count(self) -> SpoolState:
        waiting = [name for name in _names(self._folder) if not name.startswith(".")]
        oldest = min((int(moment) for name in waiting if (moment := name.partition("-")[0]).isdecimal()), default=None)
        age = None if oldest is None else (self._clock() - _EPOCH).total_seconds() - oldest / 1e6
        return SpoolState(len(waiting), None if age is None else round(max(age, 0.0), 1), len(_names(self._aside)))

    def take(self, body: bytes) -> Receipt:
        """Store a notification, the body of a request, or keep it for later. It is durable on return, either way.

        Raises:
            Refused: it is no notification.
            Unavailable: it can be neither stored nor kept.
        """
        notification = parse(body)
        waits = self._something_waits()
        reason = ""
        if not waits:
            try:
                return Receipt(stored=True, update=self._store.record(notification))
            except Unavailable as error:
                reason = str(error)
        try:
            self._keep(body)
        except OSError as error:
            if waits:
                return Receipt(stored=True, update=self._store.record(notification))
            raise Unavailable(f"{reason}; nor can it be kept in {self._folder}: {error.strerror}") from error
        if reason:
            logger.error("%s; until then, what DIUN sends is kept in %s", reason, self._folder)
        return Receipt(stored=False)

    def _something_waits(self) -> bool:
        if (moment := time.monotonic()) >= self._look_again_at:
            self._waits, self._look_again_at = os.path.exists(self._folder), moment + _LOOK
        return self._waits

    def _keep(self, body: bytes) -> None:
        self._waits = True
        moment = (self._clock() - _EPOCH) // timedelta(microseconds=1)
        name = f"{moment:020}-{os.getpid()}-{next(self._numbers):09}"
        for _ in range(_ROUNDS):
            with suppress(FileExistsError):
                self._folder.mkdir(parents=True)
                with suppress(OSError):
                    for parent in self._folder.parents[:2]:
                        _sync(parent)
            written = self._folder / f".{name}"
            try:
                with open(written, "xb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(written, self._folder / name)
            except FileNotFoundError:
                continue
            except OSError:
                written.unlink(missing_ok=True)
                raise
            with suppress(FileNotFoundError):  # It is stored already.
                _sync(self._folder)
            return
        raise FileNotFoundError(errno.ENOENT, "it cannot be made a folder")

    def drain(self) -> None:
        """Store what waits, oldest first, unless another process is at it.

        Raises:
            Unavailable: the database cannot take it yet.
            OSError: the folder cannot be read.
        """
        with self._alone() as alone:
            if not alone:
                return
            for path in self._folder.glob(".*"):
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > _WRITTEN:
                        path.rename(path.with_name(path.name.lstrip(".")))
            while waiting := sorted(path for path in self._folder.iterdir() if path.name[0] != "."):
                for path in waiting:
                    self._store_late(path)
            try:
                self._folder.rmdir()
            except OSError:
                return  # Something is just being written.
            self._look_again_at = 0.0
            logger.info("everything that was kept in %s is stored", self._folder)

    def _store_late(self, path: Path) -> None:
        try:
            moment = _EPOCH + timedelta(microseconds=int(path.name.partition("-")[0]))
            self._store.record(parse(path.read_bytes()), moment)
        except (Unavailable, OSError, MemoryError):
            raise
        except Exception:
            self._aside.mkdir(exist_ok=True)
            path.rename(self._aside / path.name)
            logger.exception("a notification that was kept could not be stored, and was put into %s", self._aside)
            return
        path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether there is something to do, and no other process does it: the lock ends with its process."""
        if not self._folder.exists():
            yield False
            return
        if not os.access(self._folder, os.W_OK | os.X_OK):
            # What is stored could not be removed, and would be stored again and again.
            raise PermissionError(errno.EACCES, "its files cannot be removed", str(self._folder))
        with open(self._folder.with_name("lock"), "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield self._folder.exists()

    def start(self) -> None:
        """Look after what waits, in a thread that ends with the process."""
        Thread(target=self._look_after, name="spool", daemon=True).start()

    def _look_after(self) -> None:
        while True:
            try:
                self.drain()
            except Unavailable:
                pass  # It was said when the first of them came.
            except Exception:
                logger.exception("what waits in %s could not be stored", self._folder)
            time.sleep(INTERVAL)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
