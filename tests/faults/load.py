"""A load of notifications that goes on while something breaks, and what became of each of them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from pathlib import Path

import psutil

from diundashboard.config import Config
from tests.dashboard import Dashboard
from tests.store.databases import raw

PATIENCE = 60
"""Seconds until a condition must hold that a test waits for."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a numbered notification was answered; the status is 0 where there was no answer."""

    number: int
    status: int
    sent_at: float
    seconds: float


class Load:
    """Webhook requests by a number of clients, each as soon as its last is answered: news and repeats in turn."""

    def __init__(self, dashboard: Dashboard, clients: int = 4, begin: int = 1) -> None:
        self._dashboard = dashboard
        self._ended = threading.Event()
        self._numbers = count(begin)
        self.answers: list[Answered] = []
        self._clients = [threading.Thread(target=self._send) for _ in range(clients)]

    def __enter__(self) -> Load:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for client in self._clients:
            client.join()

    def taken(self, since: float = 0.0) -> set[int]:
        """The numbers sent since this time of `time.monotonic` and answered with a 2xx."""
        return {each.number for each in self.answers if each.status in (200, 202) and each.sent_at >= since}

    @property
    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in self.answers)

    def wait_for(self, more: int) -> None:
        """Return after this many more were taken."""
        until = len(self.taken()) + more
        self.until(lambda: len(self.taken()) >= until)

    def wait_since(self, since: float, more: int, status: int) -> None:
        """Return when this many that were sent since are answered with this status."""
        self.until(lambda: sum(each.sent_at >= since and each.status == status for each in self.answers) >= more)

    def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as a condition holds."""
        wait_until(condition, lambda: f"{self.statuses}\n{self._dashboard.log}")

    def _send(self) -> None:
        while not self._ended.is_set():
            number, begin = next(self._numbers), time.monotonic()
            try:
                status = self._dashboard.request("POST", "/webhook", numbered(number)).status
            except (OSError, HTTPException):
                status = 0
                time.sleep(0.01)  # Whoever refuses connections does so at once.
            self.answers.append(Answered(number, status, begin, time.monotonic() - begin))


def wait_until(condition: Callable[[], bool], tell: Callable[[], str] = str) -> None:
    """Return as soon as a condition holds; `tell` what there is if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, tell()
        time.sleep(0.02)


def numbered(number: int) -> bytes:
    """A notification that can be told from all others by its number."""
    digest = f"sha256:{number if number % 2 else 0}"
    image = f"app{number // 2 % 20}:{1 + number % 2}"
    return json.dumps({"image": image, "hostname": "nas", "digest": digest, "number": number}).encode()


def stored(config: Config) -> Counter[int]:
    """How often each numbered notification is in the history, which is read without the store."""
    with raw(config) as connection:
        rows = connection.execute("SELECT payload FROM notifications").fetchall()
    return Counter(_number(payload) for (payload,) in rows)


def kept(config: Config) -> set[int]:
    """The numbers of the notifications in a spool."""
    found = (path.read_bytes() for path in Path(config.spool_path).rglob("*") if path.is_file())
    return {_number(body) for body in found if b'"number"' in body}


def _number(body: bytes) -> int:
    number: int = json.loads(body)["number"]
    return number


def waiting(*configs: Config) -> int:
    """How many notifications wait in the spools of these dashboards."""
    folders = [Path(config.spool_path) / "waiting" for config in configs]
    return sum(len(list(folder.iterdir())) for folder in folders if folder.exists())


def wait_until_stored(*configs: Config) -> None:
    """Return when the spools of these dashboards are empty."""
    wait_until(lambda: not waiting(*configs))


def kill(dashboard: Dashboard) -> None:
    """End a dashboard at once, with its workers."""
    master = psutil.Process(dashboard.process.pid)
    master.suspend()  # It would fork another worker meanwhile.
    workers = master.children()
    for process in (*workers, master):
        process.kill()
    dashboard.process.wait()
    psutil.wait_procs(workers)
