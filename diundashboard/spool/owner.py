"""Which database the spool's folder belongs to: notifications never get into the database of another dashboard."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from diundashboard.spool.files import lock
from diundashboard.spool.folder import Folder

logger = logging.getLogger("diundashboard")


class Foreign(PermissionError):
    """The folder belongs to another database; `strerror` names it, and the next step."""

    strerror: str


@dataclass(frozen=True, slots=True)
class _Owner:
    """The content of the file `database`: the id of the database, "" while it is unknown, and its place."""

    id: str = ""
    place: str = ""


class Ownership:
    """Each process that uses the folder holds a shared lock on its file `database` until it ends."""

    def __init__(self, folder: Folder, place: str) -> None:
        self._folder = folder
        self._place = place
        self._guard = Lock()
        self._descriptor: int | None = None
        self._claimed = False

    def claim(self, identity: str) -> None:
        """Use the folder for the database with this id, unless that is already so.

        A folder that is another's is taken over where nobody uses it and nothing is in it, and where the settings name
        the same place: then that is another database now.

        Raises:
            Foreign: it belongs to another database.
            OSError: it cannot be used.
        """
        if not self._claimed:
            with self._guard:
                self._claim(identity)
                self._claimed = True

    def claim_unseen(self) -> None:
        """Use the folder while the database is away, so that its id is not known.

        Raises:
            Foreign: another dashboard is using it, by its settings with another database.
            OSError: it cannot be used.
        """
        if self._descriptor is None:
            with self._guard:
                self._claim("")

    def _claim(self, identity: str) -> None:
        descriptor = self._folder.open_own("database") if self._descriptor is None else self._descriptor
        self._descriptor = None
        try:
            alone = True
            try:
                lock(descriptor, timeout=0)
            except TimeoutError:
                alone = False
                lock(descriptor, fcntl.LOCK_SH)
            known = _read(descriptor)
            if not (self._is_ours(known, identity) or (alone and self._can_be_taken(known, identity))):
                where = known.place or f"the database {known.id}"
                raise Foreign(
                    errno.EPERM,
                    f"the folder {self._folder.path} belongs to another dashboard, that of {where}; "
                    "set SPOOL_PATH to another folder, or remove this one if that dashboard is gone",
                )
            if alone and known.id and identity not in ("", known.id):
                logger.warning("the database has a new id; %s now belongs to it", self._folder.path)
            owner = _Owner(identity or known.id, self._place)
            if owner != known:
                _write(descriptor, owner)
            lock(descriptor, fcntl.LOCK_SH)
            self._folder.close_to_others()
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _is_ours(self, known: _Owner, identity: str) -> bool:
        return known.id == identity if known.id and identity else known.place in ("", self._place)

    def _can_be_taken(self, known: _Owner, identity: str) -> bool:
        if not (known.id and identity) or (known.place and known.place == self._place):
            return True
        return not self._folder.entries_waiting() and not self._folder.entries_failed()


def _read(descriptor: int) -> _Owner:
    """The content of the file; an unknown owner if it is empty or not valid."""
    with suppress(ValueError, TypeError, KeyError):
        fields = json.loads(os.pread(descriptor, 10_000, 0))
        return _Owner(str(fields["id"]), str(fields["place"]))
    return _Owner()


def _write(descriptor: int, owner: _Owner) -> None:
    text = json.dumps({"id": owner.id, "place": owner.place}).encode()
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)
