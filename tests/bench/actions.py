"""How long actions on all pending updates take in a database where nothing was ever done, on both stores."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import Action, Selection, State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store, open_store
from tests.bench.pages import notification_body
from tests.conftest import postgres_running

REPOSITORIES = 500
SIZES = (20_000, 95_000)
"""How many updates are pending. PostgreSQL plans an action with statistics that say that none is done."""

LIMIT = 10.0
"""Seconds for one action, and for undoing it."""

EVERYTHING = Selection(query=UpdateQuery(state=State.PENDING))


def measure() -> None:
    """Build the data on both stores, and print how many seconds each action on all updates takes, and undoing it."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            _measure("SQLite", Config(db_path=str(Path(folder) / "diun.db")), size)
        with postgres_running(18) as url:
            _measure("PostgreSQL", Config(database_url=url), size)


def _measure(name: str, config: Config, size: int) -> None:
    store = open_store(config)
    _build(store, name, size)
    tomorrow = now() + timedelta(days=1)
    actions: dict[str, Callable[[], Action]] = {
        "acknowledge": lambda: store.acknowledge(EVERYTHING, "bench"),
        "snooze": lambda: store.snooze(EVERYTHING, tomorrow, "bench"),
        "tag": lambda: store.tag_updates(EVERYTHING, "bench", "bench"),
    }
    for verb, act in actions.items():
        begin = time.perf_counter()
        done = act()
        acted = time.perf_counter()
        store.undo(done.id, "bench")
        undone = time.perf_counter()
        assert (done.count, store.totals().pending) == (size, size)
        print(
            f"actions, {name}, {size} updates, {verb}: {acted - begin:.1f} s, "
            f"undo: {undone - acted:.1f} s (each at most {LIMIT:.0f})"
        )
    store.close()


def _build(store: Store, name: str, size: int) -> None:
    """One version of each of 500 repositories on every host."""
    hosts = size // REPOSITORIES
    with ThreadPoolExecutor(8) as pool:
        for host in range(hosts):
            bodies = [notification_body(host, repository, 0) for repository in range(REPOSITORIES)]
            for _ in pool.map(lambda body: store.record(parse(body)), bodies):
                pass
            print(f"\ractions, {name}: {host + 1} of {hosts} hosts", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
