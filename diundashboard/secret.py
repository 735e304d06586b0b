"""The webhook's secret: from the settings, or chosen by the dashboard and kept in the database."""

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
"""Seconds between two checks whether a secret is required by now: another process may have set one."""

_LONGEST = 1000
"""The most bytes to read of the copy."""


class Secret:
    """The secret of the webhook. A copy in the spool's folder serves while the database is away.

    While neither the settings nor the database nor the copy has said what the secret is, every notification is
    accepted and kept on disk. It would be lost otherwise.
    """

    def __init__(self, config: Config, access: Access) -> None:
        self._given = _given(config.webhook_secret)
        self._asked_for = not (self._given or config.webhook_open)
        self._access = access
        self._folder = Folder(config.spool_folder)
        self._kept: str | None = None
        self._asked_at = 0.0

    def accepted(self) -> tuple[str, ...]:
        """Every secret that is valid now; empty if none is required."""
        if not self._asked_for:
            return self._given
        if self._kept is None:
            self._ask()
        elif not self._kept and monotonic() - self._asked_at > _AGAIN:
            self._asked_at = monotonic()
            # In the background, so that no notification waits for it.
            Thread(target=self._ask, name="secret", daemon=True).start()
        return (self._kept,) if self._kept else ()

    def shown(self) -> str:
        """The secret that DIUN should send; "" if none is required."""
        return next(iter(self.accepted()), "")

    def is_missing(self) -> bool:
        """Whether anybody may send although WEBHOOK_OPEN is not set."""
        return self._asked_for and self._kept == ""

    def require(self, by: Actor) -> None:
        """Require a secret from now on.

        Raises:
            Unavailable: the database cannot store it.
        """
        if self._asked_for:
            self._learn(self._access.store.require_webhook_secret(_new(), by))

    def learn_from(self, store: Store) -> None:
        """Read the secret from an open store.

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
            # If the copy fails, a start without the database accepts notifications from anybody, so none is lost.
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
    """The secrets of the setting. A secret with a comma, from an earlier release, stays valid as a whole."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    return (*parts, text) if len(parts) > 1 else parts or ((text,) if text else ())


def _new() -> str:
    return secrets.token_urlsafe(24)
