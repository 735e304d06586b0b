"""The SQLite file is removed, replaced or damaged under load: what was answered with 2xx is stored, or waits."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from diundashboard.config import Config
from diundashboard.notification import parse
from diundashboard.store import open_store
from tests.dashboard import running
from tests.faults.load import Load, kept, numbered, stored, wait_until
from tests.torture import SIZE

ANSWERS = 60 * SIZE
"""How many notifications are sent before a fault, and after it."""

COMPANIONS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Place:
    """The live file, and a backup of it that was made while it was empty."""

    live: Path
    backup: Path
    other: Path

    def remove(self) -> float:
        self.live.unlink()
        return time.monotonic()

    def clean(self) -> float:
        for suffix in COMPANIONS:
            Path(f"{self.live}{suffix}").unlink(missing_ok=True)
        return time.monotonic()

    def move_over(self) -> float:
        self.other.rename(self.live)
        return time.monotonic()

    def copy_over(self) -> float:
        shutil.copyfile(self.backup, self.live)
        return time.monotonic()

    def copy_slowly(self) -> float:
        """As a large backup from a slow disk."""
        content = self.backup.read_bytes()
        with self.live.open("r+b") as file:
            file.truncate(0)
            since = time.monotonic()
            for start in range(0, len(content), len(content) // 4):
                file.write(content[start : start + len(content) // 4])
                file.flush()
                time.sleep(0.3)
        return since

    def truncate(self) -> float:
        os.truncate(self.live, 0)
        return time.monotonic()

    def remove_wal(self) -> float:
        Path(f"{self.live}-wal").unlink()
        return time.monotonic()

    def remove_shm(self) -> float:
        Path(f"{self.live}-shm").unlink()
        return time.monotonic()


LOST = (Place.copy_over, Place.copy_slowly, Place.truncate)
"""Faults that destroy what the file held; the others leave it in a file beside."""


@pytest.fixture
def place(config: Config, tmp_path: Path) -> Place:
    """Databases that hold the notification 10**9."""
    other = tmp_path / "other.db"
    with closing(open_store(Config(db_path=str(other)))) as store:
        store.record(parse(numbered(10**9)))
    return Place(Path(config.db_path), Path(shutil.copy(other, tmp_path / "backup.db")), other)


def everything(config: Config) -> set[int]:
    """The numbers in all databases of the folder, and in the spool."""
    databases = [path for path in Path(config.db_path).parent.glob("diun.db*") if path.suffix not in (".db-shm",)]
    found = kept(config)
    for path in databases:
        if path.name == "diun.db" or (".removed-" in path.name and not path.name.endswith(("-wal", "-shm"))):
            found |= set(stored(Config(db_path=str(path))))
    return found


def has_opened(worker: psutil.Process) -> bool:
    return any(file.path.endswith("diun.db") for file in worker.open_files())


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "workers"),
    [
        (Place.remove, 1),
        (Place.remove, 2),
        (Place.clean, 1),
        (Place.move_over, 1),
        (Place.copy_over, 1),
        (Place.copy_over, 2),
        (Place.copy_slowly, 1),
        (Place.truncate, 1),
        (Place.remove_wal, 1),
        (Place.remove_wal, 2),
        (Place.remove_shm, 1),
    ],
)
def test_a_file_that_is_lost_under_load_costs_nothing_that_is_answered_afterwards(
    config: Config, place: Place, fault: Callable[[Place], float], workers: int
) -> None:
    with running(config, WEB_CONCURRENCY=str(workers)) as dashboard, Load(dashboard) as sent:
        sent.wait_for(ANSWERS)
        wait_until(lambda: all(map(has_opened, psutil.Process(dashboard.process.pid).children())))
        since = fault(place)
        sent.until(lambda: "is open again" in dashboard.log)
        sent.wait_for(ANSWERS)
        assert "while it was open" in dashboard.log
        assert dashboard.log.count("is open again") <= workers
    assert set(sent.statuses) <= {200, 202}
    taken = sent.taken(since if fault in LOST else 0.0)
    assert len(taken) >= ANSWERS
    assert taken - everything(config) == set()
    with closing(sqlite3.connect(config.db_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    restored = fault in (Place.move_over, Place.copy_over, Place.copy_slowly)
    assert (10**9 in stored(config)) == restored


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
@pytest.mark.parametrize("copied", [True, False])
def test_a_foreign_file_is_left_as_it_is_while_notifications_wait(config: Config, tmp_path: Path, copied: bool) -> None:
    foreign = tmp_path / "notes.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.executescript("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');")
    content = foreign.read_bytes()
    with running(config) as dashboard, Load(dashboard) as sent:
        sent.wait_for(ANSWERS)
        (shutil.copyfile if copied else os.rename)(foreign, config.db_path)
        since = time.monotonic()
        sent.until(lambda: "holds the tables notes" in dashboard.log)
        sent.wait_since(since, ANSWERS, 202)
        answer = dashboard.request("GET", "/readyz")
        assert (answer.status, "holds the tables notes" in answer.json["error"]) == (503, True)
    assert sent.taken(since) - kept(config) == set()
    assert Path(config.db_path).read_bytes() == content


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", range(2 * SIZE))
def test_once_damage_is_found_everything_waits_and_a_backup_brings_it_back(
    config: Config, place: Place, seed: int
) -> None:
    chance = random.Random(seed)
    with closing(open_store(config)) as store:
        for number in range(10_000, 10_200):
            store.record(parse(numbered(number)))
    with running(config) as dashboard, Load(dashboard) as sent:
        sent.wait_for(ANSWERS)
        with open(config.db_path, "r+b") as file:
            pages = os.path.getsize(config.db_path) // 4096
            for page in chance.sample(range(1, pages), pages // 2):
                file.seek(page * 4096)
                file.write(chance.randbytes(64))
        sent.until(lambda: "is damaged" in dashboard.log)
        since = time.monotonic()
        sent.wait_since(since, ANSWERS, 202)
        assert "restore a backup" in dashboard.request("GET", "/readyz").json["error"]
        assert dashboard.request("GET", "/").status == 503
        place.backup.rename(config.db_path)
        sent.until(lambda: "is open again" in dashboard.log)
    assert sent.taken(since) - kept(config) - set(stored(config)) == set()
