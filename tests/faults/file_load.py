"""Notifications that are numbered, sent as fast as they are answered, and counted afterwards."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from pathlib import Path

from tests.dashboard import Dashboard

PATIENCE = 30
"""Seconds within which something must happen."""

_NUMBER = re.compile(rb"sha256:(\d{64})")


@dataclass(slots=True)
class Load:
    """What was sent, when, and how it was answered: the status, or 0 if the connection broke."""

    dashboard: Dashboard
    sent_at: dict[int, float] = field(default_factory=dict)
    status: dict[int, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _ended: threading.Event = field(default_factory=threading.Event)

    def taken(self, since: float = 0.0) -> set[int]:
        """The numbers sent since this time of `time.monotonic` and answered with 2xx."""
        return {number for number, status in self.status.copy().items() if _good(status, self.sent_at[number], since)}

    def wait(self, more: int, since: float = 0.0, status: int = 2) -> None:
        """Wait for so many answers of this status, or of its first digit, to what was sent since."""
        self.until(
            lambda: (
                sum(
                    status in (answer, answer // 100) and self.sent_at[number] >= since
                    for number, answer in self.status.copy().items()
                )
                >= more
            ),
            f"{more} answers of {status}",
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"no {what}:\n{self.dashboard.log}"
            time.sleep(0.01)

    def _send(self) -> None:
        while not self._ended.is_set():
            number = next(self._numbers)
            body = {"image": f"app{number % 40}:1.{number}", "hostname": "nas", "digest": f"sha256:{number:064}"}
            self.sent_at[number] = time.monotonic()
            try:
                self.status[number] = self.dashboard.request("POST", "/webhook", json.dumps(body).encode()).status
            except (OSError, HTTPException):
                self.status[number] = 0


def _good(status: int, sent_at: float, since: float) -> bool:
    return status // 100 == 2 and sent_at >= since


@contextmanager
def load(dashboard: Dashboard, clients: int = 4) -> Iterator[Load]:
    """A load that goes on until the block ends."""
    running = Load(dashboard)
    threads = [threading.Thread(target=running._send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running._ended.set()
        for thread in threads:
            thread.join()


def stored(path: Path) -> set[int]:
    """The numbers in the history of a SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        return {_number(payload) for (payload,) in connection.execute("SELECT payload FROM notifications")}


def kept(folder: Path) -> set[int]:
    """The numbers of the notifications that wait in a spool."""
    found = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {_number(body) for body in found if _NUMBER.search(body)}


def _number(body: bytes) -> int:
    found = _NUMBER.search(body)
    assert found is not None
    return int(found[1])
