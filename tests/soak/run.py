"""A dashboard on each database under mixed load at the same time: measured, counted and told as a table."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from diundashboard.config import Config
from tests.conftest import postgres_running
from tests.dashboard import Dashboard, open_to_all, running
from tests.faults.load import stored, wait_until_stored
from tests.soak.measure import Sample, growth, sample, thirds
from tests.soak.traffic import Traffic, traffic

SAMPLES = 60
"""How often the processes are measured in all."""

MUST_BE = ("webhook 200", "page 200", "page again 304", "acknowledge 303", "undo 303", "ping 200")
"""What each run contains, else it shows nothing."""


def soak(seconds: float) -> list[str]:
    """Load both dashboards for so long and print what they hold; what is wrong, in words."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        folder, url = Path(name), ends.enter_context(postgres_running(18))
        configs = {
            "SQLite": open_to_all(Config(db_path=str(folder / "diun.db"))),
            "PostgreSQL": open_to_all(Config(database_url=url, spool_path=str(folder / "spool"))),
        }
        with ExitStack() as servers:
            dashboards = {kind: servers.enter_context(running(config)) for kind, config in configs.items()}
            samples, sent = _load(dashboards, seconds)
            for config in configs.values():
                wait_until_stored(config)
        wrong = []
        for kind, config in configs.items():
            _tell(kind, samples[kind], sent[kind])
            wrong += [f"{kind}: {grown}" for grown in growth(samples[kind])]
            wrong += [f"{kind}: no answer is {answer!r}" for answer in MUST_BE if not sent[kind].answers[answer]]
            lost = sent[kind].taken - set(stored(config))
            wrong += [f"{kind}: {len(lost)} notifications are lost"] if lost else []
    return wrong


def _load(dashboards: dict[str, Dashboard], seconds: float) -> tuple[dict[str, list[Sample]], dict[str, Traffic]]:
    samples: dict[str, list[Sample]] = {kind: [] for kind in dashboards}
    with ExitStack() as stack:
        sent = {kind: stack.enter_context(traffic(dashboard)) for kind, dashboard in dashboards.items()}
        begin = time.monotonic()
        for number in range(1, SAMPLES + 1):
            time.sleep(max(0.0, begin + number * seconds / SAMPLES - time.monotonic()))
            for kind, dashboard in dashboards.items():
                samples[kind].append(sample(dashboard))
    return samples, sent


def _tell(kind: str, samples: list[Sample], sent: Traffic) -> None:
    print(f"\n{kind}: {len(sent.taken)} notifications taken; {dict(sorted(sent.answers.items()))}")
    print(f"{'':10} {'memory, MiB':>12} {'descriptors':>12} {'threads':>8}")
    for name, held in zip(("1st third", "2nd third", "3rd third"), thirds(samples), strict=True):
        print(f"{name:10} {held.memory:12.1f} {held.descriptors:12.0f} {held.threads:8.0f}")
