"""Keeps notifications on disk while the database cannot store them: one file each, in the order of arrival.

DIUN reports each change only once. While a notification waits here, later ones wait behind it, so that a digest is
never replaced by an older one. A file is removed after its notification is stored. Its name contains the time of the
first attempt to store it, by which the store recognizes what it already has: after a process was killed between the
two, or after a database hung.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock, Thread
from typing import Protocol

from diundashboard.clock import now
from diundashboard.notification import Notification, parse
from diundashboard.spool.folder import Folder
from diundashboard.spool.names import arrival, order
from diundashboard.spool.owner import Foreign, Ownership
from diundashboard.store import Declined, Unavailable

__all__ = ["Foreign", "Receipt", "Spool", "SpoolState"]

logger = logging.getLogger("diundashboard")

INTERVAL = 5
"""Seconds between two checks of the waiting notifications."""

_LOOK = 0.1
"""Seconds between two checks whether another process has kept something: a check costs as much as parsing."""

_COUNT = 1
"""Seconds until the waiting notifications are counted again."""

_COUNT_SHARE = 20
"""How long a count is used, as a multiple of the time that it takes."""

_AHEAD = timedelta(days=1)
"""A time of arrival that is further ahead than this comes from a wrong clock."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result for a notification: it is stored, or kept on disk until it can be.

    `update` is the id of the update that a stored one is about; None for DIUN's test, which is about none.
    """

    stored: bool
    update: int | None = None


@dataclass(frozen=True, slots=True)
class SpoolState:
    """How many notifications wait, for how many seconds the oldest does, and how many could not be stored."""

    waiting: int
    oldest_waiting_s: float | None
    failed: int


class Keeps(Protocol):
    """Stores notifications: a store, or the access to one."""

    def identity(self) -> str: ...

    def record(self, notification: Notification, at: datetime, again: datetime | None = None) -> int | None: ...


class Spool:
    """All processes of one machine share the folder, if they use the same database.

    `place` describes where the database is according to the settings. It is used instead of the id of a database that
    has been away since the start.
    """

    def __init__(self, folder: Path, store: Keeps, clock: Callable[[], datetime] = now, place: str = "") -> None:
        self._folder = Folder(folder)
        self._ownership = Ownership(self._folder, place)
        self._store = store
        self._clock = clock
        self._waits, self._look_again_at = False, 0.0
        self._said = ""
        self._not_removed: set[str] = set()
        self._counting = Lock()
        self._state, self._count_again_at = SpoolState(0, None, 0), 0.0

    def take(self, body: bytes) -> Receipt:
        """Store a notification, the body of a request, or keep it for later. It is durable on return, either way.

        Raises:
            Refused: it is no notification.
            Unavailable: it can be neither stored nor kept.
        """
        notification, at = parse(body), self._clock()
        reason = ""
        if not self.waits():
            try:
                return Receipt(stored=True, update=self._store.record(notification, at))
            except Unavailable as error:
                reason = str(error)
        try:
            self._keep(body, at)
        except OSError as error:
            try:
                if not reason:  # Better out of order than not at all.
                    return Receipt(stored=True, update=self._store.record(notification, at))
            except Unavailable as away:
                reason = str(away)
            raise Declined(
                f"{reason}; the notification cannot be kept in {self._folder.waiting} either: {error.strerror}"
            ) from error
        if reason:
            logger.error("%s; until the database is back, notifications are kept in %s", reason, self._folder.waiting)
        return Receipt(stored=False)

    def waits(self) -> bool:
        """Whether notifications wait here that the database does not have yet."""
        if (moment := time.monotonic()) >= self._look_again_at:
            self._waits, self._look_again_at = os.path.exists(self._folder.waiting), moment + _LOOK
        return self._waits

    def _keep(self, body: bytes, at: datetime) -> None:
        try:
            self.claim(self._store.identity())
        except Unavailable:
            self._ownership.claim_unseen()
        self._folder.keep(body, at)
        self._waits = True

    def claim(self, identity: str) -> None:
        """Make sure that the folder is used for the database with this id only.

        Raises:
            Foreign: it is another's.
            OSError: the folder cannot be used.
        """
        self._ownership.claim(identity)

    def drain(self) -> None:
        """Store the waiting notifications in their order of arrival, unless another process is doing so.

        Raises:
            Unavailable: the database cannot take it yet.
            Foreign: it waits for another database.
            OSError: the folder cannot be used.
        """
        with self._folder.alone() as alone:
            if not alone:
                return
            self.claim(self._store.identity())
            passed_over: set[str] = set()
            while waiting := [name for name in self._folder.names() if name not in passed_over]:
                passed_over |= {name for name in waiting if not self._store_late(name)}
            if self._folder.emptied():
                self._look_again_at = 0.0
                logger.info("all notifications that were kept in %s are stored", self._folder.waiting)

    def _store_late(self, name: str) -> bool:
        """Store a waiting notification, or move it to `failed`; False if it has to stay where it is."""
        try:
            if name not in self._not_removed and (kept := self._folder.read(name)):
                self._store.record(parse(kept.body), self._believable(kept.at), again=kept.tried)
        except (Unavailable, OSError):
            raise
        except MemoryError:
            logger.error("there is not enough memory to store %r", name)
            return False
        except Exception:
            return self._put_aside(name)
        try:
            self._folder.remove(name)
        except OSError as error:
            if name not in self._not_removed:
                logger.error("%r is stored but cannot be removed: %s", name, error)
            self._not_removed.add(name)
            return False
        return True

    def _believable(self, at: datetime) -> datetime:
        moment = self._clock()
        return moment if at > moment + _AHEAD else at

    def _put_aside(self, name: str) -> bool:
        """Move the notification that the current exception is about to `failed`; False if that is not possible."""
        try:
            self._folder.put_aside(self._folder.waiting / name)
        except OSError as error:
            logger.error("%r in %s can be neither stored nor moved: %s", name, self._folder.waiting, error)
            return False
        logger.exception("%r cannot be stored; it was moved to %s", name, self._folder.failed)
        return True

    def state(self) -> SpoolState:
        """How much waits, counted at most a second ago, or longer ago if there is much to count."""
        with self._counting:
            started = time.monotonic()
            if started >= self._count_again_at:
                self._state = self._count()
                took = time.monotonic() - started
                self._count_again_at = started + max(_COUNT, _COUNT_SHARE * took)
            return self._state

    def _count(self) -> SpoolState:
        waiting = [name for name in self._folder.entries_waiting() if name[0] != "."]
        oldest = None
        if waiting:
            oldest = 0.0
            with suppress(ValueError):
                first = min(waiting, key=order)
                oldest = max(0.0, (self._clock() - arrival(first)).total_seconds())
        return SpoolState(len(waiting), oldest, len(self._folder.entries_failed()))

    def start(self, former: Path | None = None) -> None:
        """Store the waiting notifications, in a thread that ends with the process.

        `former` is the folder of an earlier release: what waits there is stored too, unless it is another dashboard's.
        """
        earlier = Spool(former, self._store, self._clock) if former and (former / "waiting").exists() else None
        Thread(target=self._look_after, args=(earlier,), name="spool", daemon=True).start()

    def _look_after(self, earlier: Spool | None) -> None:
        while True:
            self._look()
            if earlier and earlier._is_taken_over():
                earlier = None
            time.sleep(INTERVAL)

    def _look(self) -> None:
        said = ""
        try:
            self.claim(self._store.identity())
            self.drain()
            self._folder.reserve.hold()
        except Unavailable:
            pass  # The log has it since the first of them arrived.
        except OSError as error:
            said = f"the spool in {self._folder.path} cannot be used: {error.strerror}"
        except Exception:
            logger.exception("the notifications in %s could not be stored", self._folder.waiting)
        if said not in ("", self._said):
            logger.error("%s", said)
        self._said = said

    def _is_taken_over(self) -> bool:
        """Store what waits in the folder of an earlier release; returns whether this is complete."""
        try:
            self.drain()
        except Foreign:
            return True
        except (Unavailable, OSError):
            return False
        return self._folder.removed()
