"""How fast notifications are taken, against a bare Flask view under the same gunicorn; SQLite, durable on return."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import psutil

from diundashboard.config import Config
from tests.dashboard import COMMAND, open_to_all, running

CONNECTIONS = 8
RUNS = 7
SECONDS = 3.0
RATE_FLOOR = {"news": 0.44, "repeats": 0.6}
"""Of the bare view's rate. DIUN sends news: each notification has a digest of its own."""

MEMORY_CEILING = 25.0
"""MiB above the bare view's."""


def measure() -> None:
    """Print the rates of alternating runs, the ratio of their medians, and the resident memory of both."""
    bare_command = [sys.executable, "-m", "tests.bench.bare"]
    for load in RATE_FLOOR:
        rates: dict[str, list[float]] = {"dashboard": [], "bare": []}
        memory: dict[str, list[float]] = {"dashboard": [], "bare": []}
        for _ in range(RUNS):
            for name, command in (("bare", bare_command), ("dashboard", [str(COMMAND), "serve"])):
                with (
                    tempfile.TemporaryDirectory() as folder,
                    running(open_to_all(Config(db_path=str(Path(folder) / "diun.db"))), command=command) as served,
                ):
                    _load(served.port, 0.5, load)
                    rates[name].append(_load(served.port, SECONDS, load))
                    memory[name].append(_resident(served.process.pid))
        for name in rates:
            runs = " ".join(f"{rate:.0f}" for rate in rates[name])
            rate, resident = median(rates[name]), median(memory[name])
            print(f"intake of {load}, {name}: {rate:.0f}/s ({runs}), {resident:.1f} MiB resident")
        ratio = median(rates["dashboard"]) / median(rates["bare"])
        more = median(memory["dashboard"]) - median(memory["bare"])
        print(
            f"intake of {load}, ratio: {ratio:.2f} (at least {RATE_FLOOR[load]}), "
            f"{more:+.1f} MiB (at most {MEMORY_CEILING:+})"
        )


def _load(port: int, seconds: float, load: str) -> float:
    """The load's own process, so that it shares no interpreter with what it measures."""
    command = [sys.executable, "-m", "tests.bench.load", str(port), str(CONNECTIONS), str(seconds), load]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _resident(pid: int) -> float:
    """MiB of the server and its workers."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 2**20
