"""Writes into the audit what the gate and the login refused, at a limited rate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock, Timer

from flask import Flask, current_app

from diundashboard.access import Access
from diundashboard.model import NOBODY, Actor
from diundashboard.store import Store

logger = logging.getLogger("diundashboard")

A_MINUTE = 30
"""How many rows one process writes in a minute; then one row says how many were left out."""


class Tries:
    """Counts what is refused, and writes it into the audit."""

    def __init__(self, store: Callable[[], Store], minute: float = 60) -> None:
        self._store = store
        self._minute = minute
        self._lock = Lock()
        self._count = 0

    def keep(self, by: Actor, event: str, detail: str = "") -> None:
        """Write a row, unless there were 30 in this minute, which begins with the first of them."""
        with self._lock:
            if self._count == 0:
                timer = Timer(self._minute, self.end)
                timer.daemon = True
                timer.start()
            self._count += 1
            if self._count > A_MINUTE:
                return
        self._store().note(by, event, detail, refused=True)

    def end(self) -> None:
        """End the minute early, and write how many refusals were left out of it."""
        with self._lock:
            left_out, self._count = self._count - A_MINUTE, 0
        if left_out > 0:
            try:
                self._store().note(NOBODY, "more refused", f"{left_out} more within a minute", refused=True)
            except Exception as error:
                logger.error("%d more refusals are missing in the audit: %s", left_out, error)


def register(app: Flask) -> None:
    """Count the refusals of this application."""
    access: Access = app.extensions["diundashboard"][1]
    app.extensions["tries"] = Tries(lambda: access.store)


def tried(by: Actor, event: str, detail: str = "") -> None:
    """Write into the audit that something was refused."""
    tries: Tries = current_app.extensions["tries"]
    tries.keep(by, event, detail)
