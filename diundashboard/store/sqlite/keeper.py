"""Watch the open file: notice that it is lost or damaged, close it, and open its replacement."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from sqlite3 import Error

from diundashboard.store.errors import Declined, Unavailable
from diundashboard.store.sqlite.connection import Damaged, answering, quick_check, transaction
from diundashboard.store.sqlite.file import Loss, OpenFile, State, alone, identity, state

logger = logging.getLogger("diundashboard")

BUSY_TIMEOUT = 4
"""How long an operation waits for the writers of other processes, and before that a notification for the operations of
this process, in seconds. DIUN gives up after ten."""

LOOK = 1.0
"""Seconds between two checks of the file, in addition to those of the operations."""

LOOK_IN_TROUBLE = 0.2
"""The same while the file cannot be used."""

SETTLED = 2.0
"""Seconds for which a new file must not change before it is opened: copying a backup takes a while."""

RETRY = 5.0
"""Seconds after which a file that could not be used is tried again."""

QUIET = 60.0
"""Seconds without a write after which the -wal is copied into the file and emptied."""

CHECK = 86_400.0
"""Seconds between two checks of the whole file."""


def busy(path: str) -> Declined:
    """The error for an operation that waited too long for the others of this process."""
    return Declined(f"the SQLite database at {path} cannot be used: it is busy with other things")


class Keeper:
    """The open file, the lock that guards it, and a thread that starts with the first operation.

    While the file cannot be used, every operation immediately raises Unavailable with the reason, and the thread opens
    the file at the path as soon as it can be used.
    """

    def __init__(self, path: str, prepare: Callable[[str], str]) -> None:
        """Prepare the file. A damaged one is left as it is until somebody replaces it.

        Raises:
            Unavailable: this program cannot use the file.
        """
        self.lock = threading.Lock()
        self._path, self._prepare = path, prepare
        self._file: OpenFile | None = None
        self._given_up: list[tuple[OpenFile, Loss]] = []
        self._trouble = ""
        self._whole = True
        self._refused: State | None = None
        self._retry_at = 0.0
        self._found: State | None = None
        self._found_at = 0.0
        self._written_at: float | None = None
        self._check_at = time.monotonic() + CHECK
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._id = ""
        found = state(path)
        try:
            self._id = prepare(path)
        except Damaged as error:
            self._refuse(error, found)
        self._prepared = identity(path)

    @property
    def database_id(self) -> str:
        """The id of the database in the file.

        Raises:
            Declined: the file was damaged at the start, so its id is not known yet.
        """
        if not self._id:
            raise Declined(self._trouble)
        return self._id

    def open(self) -> OpenFile:
        """The open file, which is opened if necessary. The caller holds the lock here and in the methods below."""
        if self._thread is None:
            self._closed.clear()
            self._thread = threading.Thread(target=self._keep, name="database", daemon=True)
            self._thread.start()
        if self._file is None and not self._trouble:
            if identity(self._path) == self._prepared:
                with answering(self._path):
                    self._file = OpenFile(self._path, BUSY_TIMEOUT)
            else:
                self._give_up(Loss("it was removed or replaced", whole=True))
        if self._file is None:
            raise Declined(self._trouble)
        return self._file

    def verify(self, file: OpenFile, companions: bool = True) -> None:
        """Raise Unavailable, and stop using the file, if it is no longer the one at its path."""
        with answering(self._path):
            loss = file.loss(companions)
        if loss:
            self._give_up(loss)
            raise Declined(self._trouble)

    def failed(self, file: OpenFile, error: Unavailable) -> None:
        """Check whether the file caused the error of an operation. Raises Unavailable if the file was lost."""
        self.verify(file)
        if isinstance(error, Damaged):
            self._give_up(error)

    def written(self, file: OpenFile, seal: int | None) -> None:
        """Note a commit. `seal` is set if a checkpoint is due."""
        self._written_at = time.monotonic()
        if seal is not None:
            self._checkpoint(file, seal, "PASSIVE")

    def close(self) -> None:
        """Close the file; the next operation opens it again.

        Raises:
            Declined: an operation is still running.
        """
        self._closed.set()
        if self._thread is not None:
            self._thread.join(BUSY_TIMEOUT)
        if not self.lock.acquire(timeout=BUSY_TIMEOUT):
            raise busy(self._path)
        try:
            self._thread = None
            file, self._file = self._file, None
            if file is not None and (loss := file.loss()):
                self._given_up.append((file, loss))
            elif file is not None:
                file.connection.close()
            if self._given_up:
                with alone(self._path):
                    self._leave()
        finally:
            self.lock.release()

    def _keep(self) -> None:
        while not self._closed.wait(LOOK_IN_TROUBLE if self._trouble else LOOK):
            try:
                if self._trouble:
                    self._recover()
                else:
                    self._look()
            except Unavailable:
                pass  # The first thread that meets it has logged it.
            except Exception:
                logger.exception("the SQLite database at %s could not be checked", self._path)

    def _look(self) -> None:
        if not self.lock.acquire(timeout=LOOK):
            return
        try:
            if (file := self._file) is None:
                return
            self.verify(file)
            if self._written_at is not None and time.monotonic() - self._written_at >= QUIET:
                self._written_at = None
                with transaction(file.connection, self._path) as cursor:
                    seal = file.seal(cursor)
                self._checkpoint(file, seal, "TRUNCATE")
            touched, file.touched = file.touched, False
        finally:
            self.lock.release()
        if touched or time.monotonic() >= self._check_at:
            self._check(file)

    def _check(self, file: OpenFile) -> None:
        """Read the whole file, while operations continue."""
        self._check_at = time.monotonic() + CHECK
        try:
            with answering(self._path):
                quick_check(self._path, BUSY_TIMEOUT)
        except Damaged as error:
            with self.lock:
                if self._file is file:
                    self.failed(file, error)

    def _checkpoint(self, file: OpenFile, seal: int, mode: str) -> None:
        """Copy the -wal into the file. What cannot be copied now stays in the -wal, which is as durable."""
        try:
            loss = file.checkpoint(seal, mode)
        except (Error, OSError) as error:
            logger.warning("the -wal of the SQLite database at %s could not be emptied: %s", self._path, error)
        else:
            if loss:
                self._give_up(loss)

    def _give_up(self, why: Loss | Damaged) -> None:
        """Make every operation fail. The thread closes the file, because that can take a while."""
        if isinstance(why, Damaged):
            loss, self._trouble = Loss("it is damaged", whole=True, damaged=True), str(why)
        else:
            loss = why
            self._trouble = f"the SQLite database at {self._path} cannot be used: {why.reason} while it was open"
        if self._file is not None:
            self._given_up.append((self._file, loss))
            self._file = None
        self._whole, self._refused = loss.whole, None
        logger.error("%s", self._trouble)

    def _leave(self) -> bool:
        """Close the abandoned files; whether all of them are closed."""
        while self._given_up:
            file, loss = self._given_up[0]
            if not file.leave(loss):
                return False
            self._given_up.pop(0)
        return True

    def _recover(self) -> None:
        """Close the abandoned files, and open the file at the path once it no longer changes.

        Only one process does this at a time. Otherwise one could copy the old -wal into the file after another has
        begun a new -wal.
        """
        with alone(self._path):
            file = self._reopened() if self._leave() else None
        if file is None:
            return
        with self.lock:
            self._file, self._prepared, self._trouble, self._refused = file, file.main, "", None
        self._check_at = time.monotonic() + CHECK
        logger.warning("the SQLite database at %s is open again", self._path)

    def _reopened(self) -> OpenFile | None:
        """Open the file at the path; None if it is still changing, or cannot be used."""
        now, found = time.monotonic(), state(self._path)
        if found != self._found:
            self._found, self._found_at = found, now
        same = self._whole and found is not None and found[:2] == self._prepared
        if now - self._found_at < (0 if same else SETTLED) or (found == self._refused and now < self._retry_at):
            return None
        self._refused, self._retry_at = found, now + RETRY
        try:
            self._id = self._prepare(self._path)
            with answering(self._path):
                return OpenFile(self._path, BUSY_TIMEOUT)
        except Unavailable as error:
            # The file may already be a backup that was moved there while the damaged one was read.
            self._refuse(error, found if isinstance(error, Damaged) else state(self._path))
            return None

    def _refuse(self, error: Unavailable, found: State | None) -> None:
        """Note that the file at the path cannot be used. A damaged one is tried again only when it has changed."""
        if self._trouble != str(error):
            logger.error("%s", error)
        self._trouble, self._refused = str(error), found
        self._retry_at = float("inf") if isinstance(error, Damaged) else time.monotonic() + RETRY
