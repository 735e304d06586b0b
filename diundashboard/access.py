"""Access to the store of this process: opens it in the background, refuses every use while the database is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event, Lock, Thread

from diundashboard.notification import Notification
from diundashboard.store import Declined, Store, StoreError, Unavailable, Unusable

logger = logging.getLogger("diundashboard")

INTERVAL = 1.0
"""Seconds between two attempts to reach a database that is away."""

SILENCE = 1.0
"""Seconds without an answer to any notification on its way to the database, after which no more are sent there."""


class _KnownAway(Declined):
    """The error of a use that is refused without asking the database."""


class Access:
    """Gives access to the store, or says immediately why it is not available.

    Until the store is open, and after an operation has found that the database does not answer, every use is refused
    immediately: threads that wait for a database cannot accept notifications. One thread checks until the database
    answers, and then allows uses again.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._store: Store | None = None
        self._away = "the database is still being opened"
        self._identity = ""
        self._logged = ""
        self._missed = False
        self._asked = Event()
        self._asked.set()
        self._tried = Event()
        self._counting = Lock()
        self._under_way, self._heard_at = 0, 0.0

    @classmethod
    def to(cls, store: Store) -> Access:
        """Give access to a store that is already open."""
        access = cls(lambda: store)
        access._store = store
        access._let_in()
        return access

    @property
    def store(self) -> Store:
        """The open store.

        Raises:
            Unavailable: the store is not open yet, or the database is known to be away.
        """
        store, away = self._store, self._away
        if away or store is None:
            raise _KnownAway(away)
        return store

    def identity(self) -> str:
        """The id of the database, once it has been open.

        Raises:
            Unavailable: it was not open yet.
        """
        if (store := self._store) is not None:
            self._identity = store.identity()
        if not self._identity:
            raise _KnownAway(self._away)
        return self._identity

    def record(
        self, notification: Notification, at: datetime | None = None, again: datetime | None = None
    ) -> int | None:
        """Store a notification, as `Intake.record` promises, unless the database is known to be away.

        It is also refused while earlier ones get no answer: each one that waits too would hold a thread.
        """
        store = self.store
        self._join()
        try:
            return store.record(notification, at, again)
        except Unavailable as error:
            self.failed(error)
            raise
        finally:
            with self._counting:
                self._under_way -= 1
                self._heard_at = time.monotonic()

    def _join(self) -> None:
        with self._counting:
            moment = time.monotonic()
            if not self._under_way:
                self._heard_at = moment
            elif moment - self._heard_at > SILENCE:
                raise _KnownAway(f"the database has not answered for {SILENCE:g} second")
            self._under_way += 1

    def failed(self, error: Unavailable) -> bool:
        """Refuse every use from now on, if this error of an operation says that the database does not answer.

        The thread checks immediately whether others are affected. Returns whether the error is new.
        """
        if isinstance(error, Declined):
            return not isinstance(error, _KnownAway)
        if self._away:
            return False
        self._away = self._logged = str(error)
        self._asked.set()
        return True

    def start(self, give_up: Callable[[Unusable], None]) -> None:
        """Open the store, and watch it from then on, in a thread that ends with the process.

        `give_up` is called once, when waiting does not help.
        """
        Thread(target=self._look_after, args=(give_up,), name="access", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until the first attempt to open the store has ended, in success or failure; returns whether it has."""
        return self._tried.wait(seconds)

    def close(self) -> None:
        """Close the store, if it is open."""
        if self._store is not None:
            self._store.close()

    def _look_after(self, give_up: Callable[[Unusable], None]) -> None:
        while True:
            self._asked.wait()
            try:
                self.look()
            except Unusable as error:
                give_up(error)
                return
            except Exception:
                logger.exception("the database could not be opened")
            finally:
                self._tried.set()
            if self._away:
                time.sleep(INTERVAL)

    def look(self) -> None:
        """Allow uses again if the database answers; open the store again if the open one gets no answer.

        Opening it again drops the old connections, and notices a schema that has changed meanwhile.

        Raises:
            Unusable: waiting does not help.
        """
        try:
            if self._store is None:
                self._store = self._open_store()
            else:
                with suppress(Declined):
                    self._store.stamp()
        except Unusable:
            raise
        except Unavailable as error:
            self._drop()
            self._miss(str(error))
        else:
            if self._missed:
                logger.info("the database answers")
            self._let_in()

    def _drop(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with suppress(StoreError):
                store.close()

    def _miss(self, reason: str) -> None:
        self._away, self._missed = reason, True
        if reason != self._logged:
            self._logged = reason
            logger.error("%s", reason)

    def _let_in(self) -> None:
        self._logged, self._missed = "", False
        self._asked.clear()
        self._away = ""
