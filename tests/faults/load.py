"""A load of notifications that goes on while something breaks, and what became of each of them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import psutil

from diundashboard.config import Config
from diundashboard.model import PER_PAGE_LIMIT, HistoryQuery
from diundashboard.store import Store
from tests.dashboard import Dashboard

SIZE = int(os.environ.get("TORTURE", "1"))
"""How many times the load of an ordinary run: `make torture` sets it."""

PATIENCE = 60
"""Seconds until a condition must hold that a test waits for."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a numbered notification was answered; the status is 0 where there was no answer."""

    number: int
    status: int
    seconds: float


class Load:
    """Webhook requests by a number of clients, each as soon as its last is answered: news and repeats in turn."""

    def __init__(self, dashboard: Dashboard, clients: int = 4) -> None:
        self._dashboard = dashboard
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
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

    @property
    def taken(self) -> set[int]:
        """The numbers that were answered with a 2xx."""
        return {each.number for each in self.answers if each.status in (200, 202)}

    @property
    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in self.answers)

    def wait_for(self, more: int) -> None:
        """Return after this many more were taken."""
        until, deadline = len(self.taken) + more, time.monotonic() + PATIENCE
        while len(self.taken) < until:
            assert time.monotonic() < deadline, f"{self.statuses}\n{self._dashboard.log}"
            time.sleep(0.02)

    def _send(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                self._number += 1
                number = self._number
            begin = time.monotonic()
            try:
                status = self._dashboard.request("POST", "/webhook", numbered(number)).status
            except (OSError, HTTPException):
                status = 0
                time.sleep(0.01)  # Whoever refuses connections does so at once.
            self.answers.append(Answered(number, status, time.monotonic() - begin))


def numbered(number: int) -> bytes:
    """A notification that can be told from all others by its number."""
    digest = f"sha256:{number if number % 2 else 0}"
    image = f"app{number // 2 % 20}:{1 + number % 2}"
    return json.dumps({"image": image, "hostname": "nas", "digest": digest, "number": number}).encode()


def stored(store: Store) -> Counter[int]:
    """How often each numbered notification is in the history."""
    found: Counter[int] = Counter()
    query = HistoryQuery(limit=PER_PAGE_LIMIT)
    while page := store.notifications(query):
        found.update(json.loads(each.payload)["number"] for each in page)
        query = replace(query, before=page[-1].id)
    return found


def waiting(*configs: Config) -> int:
    """How many notifications wait in the spools of these dashboards."""
    folders = [Path(config.spool_path) / "waiting" for config in configs]
    return sum(len(list(folder.iterdir())) for folder in folders if folder.exists())


def wait_until_stored(*configs: Config) -> None:
    """Return when the spools of these dashboards are empty."""
    deadline = time.monotonic() + PATIENCE
    while waiting(*configs):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(dashboard: Dashboard) -> None:
    """End a dashboard at once, with its workers."""
    master = psutil.Process(dashboard.process.pid)
    master.suspend()  # It would fork another worker meanwhile.
    workers = master.children()
    for process in (*workers, master):
        process.kill()
    dashboard.process.wait()
    psutil.wait_procs(workers)
