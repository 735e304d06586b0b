"""What DIUN must send: the settings say it, or the database keeps what the dashboard chose itself."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from threading import Thread
from time import monotonic

from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.model import Actor
from diundashboard.spool.files import open_regular
from diundashboard.spool.folder import Folder
from diundashboard.store import Store, Unavailable

_AGAIN = 10.0
"""Seconds after which a process asks again whether a secret is required by now: another one may have been told so."""

_LONGEST = 1000
"""Bytes of the copy that are read."""


class Secret:
    """The secret of the webhook, also while the database is away: a copy lies in the folder of the spool.

    Where neither the settings nor the database nor the copy has told one yet, any notification is taken: it is kept
    until the database answers, and would be lost otherwise.
    """

    def __init__(self, config: Config, access: Access) -> None:
        self._given = _given(config.webhook_secret)
        self._asked_for = not (self._given or config.webhook_open)
        self._access = access
        self._folder = Folder(config.spool_folder)
        self._kept: str | None = None
        self._asked_at = 0.0

    def accepted(self) -> tuple[str, ...]:
        """Every secret that is good now; empty if none is needed."""
        if not self._asked_for:
            return self._given
        if self._kept is None:
            self._ask()
        elif not self._kept and monotonic() - self._asked_at > _AGAIN:
            self._asked_at = monotonic()
            # A notification does not wait for it.
            Thread(target=self._ask, name="secret", daemon=True).start()
        return (self._kept,) if self._kept else ()

    def shown(self) -> str:
        """The secret that DIUN should send; "" if none is needed."""
        return next(iter(self.accepted()), "")

    def is_missing(self) -> bool:
        """Whether anybody may send, and nobody has said that this is meant."""
        return self._asked_for and self._kept == ""

    def require(self, by: Actor) -> None:
        """Ask for a secret from now on.

        Raises:
            Unavailable: the database cannot keep it.
        """
        if self._asked_for:
            self._learn(self._access.store.require_webhook_secret(_new(), by))

    def learn_from(self, store: Store) -> None:
        """Ask a store that is open for the secret.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._asked_for:
            self._learn(store.webhook_secret(_new()))

    def _ask(self) -> None:
        try:
            self.learn_from(self._access.store)
        except Unavailable as error:
            self._access.failed(error)
            if self._kept is None:
                self._kept = self._copied() or None

    def _learn(self, kept: str) -> None:
        self._kept, self._asked_at = kept, monotonic()
        if kept and self._copied() != kept:
            # Without the copy, a start without the database takes what anybody sends: nothing is lost by that.
            with suppress(OSError):
                self._copy(kept)

    def _copied(self) -> str:
        with suppress(OSError, UnicodeDecodeError):
            descriptor = open_regular(self._folder.path / "secret", os.O_RDONLY)
            try:
                return os.read(descriptor, _LONGEST).decode()
            finally:
                os.close(descriptor)
        return ""

    def _copy(self, kept: str) -> None:
        descriptor = self._folder.open_own("secret")
        try:
            os.pwrite(descriptor, kept.encode(), 0)
            os.ftruncate(descriptor, len(kept.encode()))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _given(text: str) -> tuple[str, ...]:
    """The secrets of the setting. One that holds a comma, as earlier releases took it, stays good as a whole."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    return (*parts, text) if len(parts) > 1 else parts or ((text,) if text else ())


def _new() -> str:
    return secrets.token_urlsafe(24)
