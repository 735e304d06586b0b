"""The folder of the spool under a real server: what is answered is stored, whatever lies in it, and nowhere else."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from io import FileIO
from itertools import count
from pathlib import Path

import psutil
import pytest

from diundashboard.config import Config
from diundashboard.spool.reserve import RESERVE
from tests.conftest import STORES
from tests.dashboard import COMMAND, Dashboard, environment, free_port, open_to_all, running
from tests.store.databases import raw
from tests.torture import SIZE

sqlite = pytest.mark.parametrize("config", ["sqlite"], indirect=True)

SERVE = (str(COMMAND), "serve")
PATIENCE = 60
"""Seconds within which everything that was answered is stored."""


def body(digest: str) -> bytes:
    return json.dumps({"image": "nginx:1", "hostname": "nas", "digest": f"sha256:{digest}"}).encode()


def send(dashboard: Dashboard, digests: list[str]) -> dict[str, int]:
    """Send a notification with each of these digests; the status of each answer."""
    with ThreadPoolExecutor(4) as threads:
        ask = threads.map(lambda digest: dashboard.request("POST", "/webhook", body(digest)).status, digests)
        return dict(zip(digests, ask, strict=True))


def stored(config: Config) -> set[str]:
    """The digests in the history."""
    with raw(config) as connection:
        rows = connection.execute("SELECT digest FROM notifications").fetchall()
    return {digest.removeprefix("sha256:") for (digest,) in rows}


def taken(answers: dict[str, int]) -> set[str]:
    """What was answered that it is stored, or kept."""
    assert set(answers.values()) <= {200, 202}, answers
    return set(answers)


def emptied(dashboard: Dashboard, folder: Path) -> None:
    """Return as soon as nothing waits in the folder."""
    deadline = time.monotonic() + PATIENCE
    while os.path.lexists(folder / "waiting"):
        assert time.monotonic() < deadline, dashboard.log
        dashboard.request("GET", "/healthz")


def refused(config: Config) -> list[str]:
    """What a start that cannot succeed writes to stderr, line by line, but for the warning that it is open."""
    result = subprocess.run(
        SERVE,
        env=environment(config, PORT=str(free_port())),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    return [line for line in result.stderr.splitlines() if not line.startswith("AUTH_MODE is none")]


@pytest.fixture
def folder(config: Config) -> Path:
    """The folder of the spool in which something waits, so that what comes next is kept."""
    made = Path(config.spool_path)
    (made / "waiting").mkdir(parents=True)
    return made


def unprivileged() -> tuple[str, ...]:
    """What starts a program that cannot read what its mode forbids, even for root."""
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@sqlite
def test_whatever_lies_in_the_folder_everything_that_is_answered_is_stored(config: Config, folder: Path) -> None:
    waiting = folder / "waiting"
    (waiting / "1-folder").mkdir()
    os.mkfifo(waiting / "2-fifo")
    (waiting / "3-dangling").symlink_to("nowhere")
    (waiting / "4-link").symlink_to("/dev/zero")
    (waiting / "5-unreadable").write_bytes(body("unreadable"))
    (waiting / "5-unreadable").chmod(0)
    (waiting / "6-garbage").write_bytes(b"garbage")
    (waiting / "7-kept").write_bytes(body("kept"))
    (folder / "failed").write_bytes(b"a file")
    (folder / "lock").mkdir()
    os.mkfifo(folder / "counter")
    (folder / "reserve").symlink_to("nowhere")
    with running(config, (*unprivileged(), *SERVE)) as dashboard:
        answered = taken(send(dashboard, [str(number) for number in range(20 * SIZE)]))
        emptied(dashboard, folder)
        assert dashboard.request("GET", "/readyz").status == 200
        assert stored(config) == answered | {"kept"}
    assert {path.name for path in (folder / "failed").iterdir()} >= {
        "1-folder",
        "2-fifo",
        "3-dangling",
        "4-link",
        "5-unreadable",
        "6-garbage",
        "failed",
    }


@sqlite
@pytest.mark.parametrize("other", STORES)
def test_two_dashboards_with_one_spool_never_mix_their_notifications(
    config: Config, folder: Path, other: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("empty_postgres_url") if other == "postgres" else ""
    stranger = open_to_all(Config(db_path=str(tmp_path / "other.db"), database_url=url, spool_path=config.spool_path))
    (folder / "waiting").rmdir()
    with running(config):
        (line,) = [line for line in refused(stranger) if "Using" not in line and "a power cut can" not in line]
        assert line.startswith(f"diundashboard: SPOOL_PATH: the folder {folder} belongs to another")
        assert f"SQLite at {config.db_path}; set SPOOL_PATH to another folder" in line
    (folder / "waiting").mkdir()
    (folder / "waiting" / "1-kept").write_bytes(body("kept"))
    assert refused(stranger)[-1].startswith("diundashboard: SPOOL_PATH")
    with running(config) as dashboard:
        emptied(dashboard, folder)
    assert stored(config) == {"kept"}
    assert stored(stranger) == set()


def test_two_dashboards_in_one_folder_have_spools_of_their_own(tmp_path: Path, migrated_file: Path) -> None:
    configs = {name: open_to_all(Config(db_path=f"{name}.db")) for name in ("first", "second")}
    for name in configs:
        shutil.copy(migrated_file, tmp_path / f"{name}.db")
        (tmp_path / f"{name}-spool" / "waiting").mkdir(parents=True)
        (tmp_path / f"{name}-spool" / "waiting" / "1-kept").write_bytes(body(f"kept-{name}"))
    with running(configs["first"], cwd=tmp_path) as first, running(configs["second"], cwd=tmp_path) as second:
        for name, dashboard in (("first", first), ("second", second)):
            answered = taken(send(dashboard, [f"{name}-{number}" for number in range(10 * SIZE)]))
            emptied(dashboard, tmp_path / f"{name}-spool")
            assert stored(Config(db_path=str(tmp_path / f"{name}.db"))) == answered | {f"kept-{name}"}


def test_what_an_earlier_release_left_in_the_working_folder_is_stored(tmp_path: Path, migrated_file: Path) -> None:
    config = open_to_all(Config(db_path=str(shutil.copy(migrated_file, tmp_path / "elsewhere.db"))))
    former = tmp_path / "diun-spool"
    (former / "waiting").mkdir(parents=True)
    (former / "waiting" / f"{0:020}-4711-000000000").write_bytes(body("kept"))
    with running(config, cwd=tmp_path) as dashboard:
        emptied(dashboard, former)
    assert stored(config) == {"kept"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_when_the_disk_is_full_the_reserve_keeps_what_comes(small_disk: Path, migrated_file: Path) -> None:
    config = open_to_all(Config(db_path=str(shutil.copy(migrated_file, small_disk / "diun.db"))))
    folder = small_disk / "diun-spool"
    with running(config) as dashboard:
        while not (folder / "reserve").exists() or (folder / "reserve").stat().st_size < RESERVE:
            dashboard.request("GET", "/healthz")
        answered = taken(send(dashboard, ["before"]))
        with open(small_disk / "filler", "wb", buffering=0) as filler:
            fill(filler)
            answered |= taken(send(dashboard, [str(number) for number in range(50 * SIZE)]))
        assert not (folder / "reserve").exists(), "the reserve was not needed, so that this shows nothing"
        assert "the disk is full" in dashboard.log
        (small_disk / "filler").unlink()
        emptied(dashboard, folder)
        assert stored(config) == answered


def fill(filler: FileIO) -> None:
    """Write until the disk is full to the last byte."""
    for size in (2**20, 4096, 1):
        with suppress(OSError):
            while filler.write(b"x" * size) == size:
                pass


@sqlite
def test_a_server_that_is_killed_at_any_moment_has_lost_nothing(config: Config, folder: Path) -> None:
    numbers, answered = count(), set[str]()
    chance = random.Random(SIZE)

    def keep_sending(dashboard: Dashboard) -> None:
        with suppress(OSError, HTTPException):
            for number in numbers:
                if dashboard.request("POST", "/webhook", body(str(number))).status in (200, 202):
                    answered.add(str(number))

    for _ in range(3 * SIZE):
        with running(config) as dashboard, ThreadPoolExecutor(4) as threads:
            (folder / "waiting").mkdir(exist_ok=True)
            sent = [threads.submit(keep_sending, dashboard) for _ in range(4)]
            time.sleep(chance.uniform(0.1, 0.6))
            server = psutil.Process(dashboard.process.pid)
            for process in (*server.children(recursive=True), server):
                process.kill()
            dashboard.process.wait()
            for each in sent:
                each.result()
    for path in (folder / "waiting").glob(".*"):
        path.rename(path.with_name(path.name[1:]))  # As the server does after a minute.
    with running(config) as dashboard:
        emptied(dashboard, folder)
    assert answered
    assert answered <= stored(config)


def test_a_process_that_is_killed_between_any_two_calls_to_the_system_has_lost_nothing(
    tmp_path: Path, migrated_file: Path
) -> None:
    step = 1 if SIZE > 1 else 3
    command = [sys.executable, "-m", "tests.faults.spool_kills", str(tmp_path), str(migrated_file), str(step)]
    lived = subprocess.run(command, capture_output=True, text=True, timeout=10 * PATIENCE, check=False)
    assert lived.returncode == 0, lived.stderr
    assert int(lived.stdout) > 60 // step
