"""How long a backup of 1,000,000 notifications takes, from SQLite to PostgreSQL and back, and how much memory."""

from __future__ import annotations

import filecmp
import os
import subprocess
import tempfile
import time
from pathlib import Path

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.store import open_store
from tests.bench import pages
from tests.conftest import postgres_running
from tests.dashboard import COMMAND, environment

LIMIT = 120.0
"""Seconds for each step."""

MEMORY_CEILING = 200.0
"""MiB of the command; PostgreSQL's own are not counted."""


def measure() -> None:
    """Print the time and the memory of each step, and whether both databases have the same backup."""
    with tempfile.TemporaryDirectory() as folder, postgres_running(18) as url:
        filled, copied = (Config(db_path=str(Path(folder) / name)) for name in ("diun.db", "copy.db"))
        first, second = (str(Path(folder) / name) for name in ("sqlite.backup", "postgres.backup"))
        clock = [now()]
        store = open_store(filled, lambda: clock[0])
        pages.build(store, clock, "carry")
        store.close()
        pages.repeat_on_sqlite(filled.db_path)
        _run("SQLite, backup", filled, "backup", first)
        _run("PostgreSQL, restore", Config(database_url=url), "restore", first)
        _run("PostgreSQL, backup", Config(database_url=url), "backup", second)
        _run("SQLite, restore", copied, "restore", second)
        size = Path(first).stat().st_size / 2**20
        equal = filecmp.cmp(first, second, shallow=False)
        print(f"carry: {size:.0f} MiB; the backups of SQLite and PostgreSQL are {'equal' if equal else 'NOT EQUAL'}")


def _run(name: str, config: Config, *arguments: str) -> None:
    begin = time.perf_counter()
    process = subprocess.Popen([COMMAND, *arguments], env=environment(config), stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    print(
        f"carry, {name}: {time.perf_counter() - begin:.1f} s (at most {LIMIT:.0f}), "
        f"{usage.ru_utime + usage.ru_stime:.1f} s of CPU, {usage.ru_maxrss / 1024:.0f} MiB "
        f"(at most {MEMORY_CEILING:.0f})",
        flush=True,
    )
