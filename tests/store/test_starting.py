"""Migrations while many processes start at once, and when one is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from diundashboard.config import Config
from tests.store.databases import ALL, everything, logged, raw, start
from tests.store.first_release import ASSIGNMENTS, ROWS, TAGS, apply_first, fill

STARTING = """
import sys
from diundashboard.config import Config
from diundashboard.store import open_store
import diundashboard.store.{room}
print("ready", flush=True)
sys.stdin.readline()
open_store(Config(db_path={config.db_path!r}, database_url={config.database_url!r})).close()
print("open", flush=True)
"""


BLOCKING = """
from yoyo.migrations import MigrationStep
apply, seen = MigrationStep.apply, []

def blocking(step, backend, force=False):
    apply(step, backend, force)
    seen.append(step)
    if len(seen) == {step}:
        print("in the middle", flush=True)
        sys.stdin.readline()

MigrationStep.apply = blocking
"""


@dataclass(frozen=True, slots=True)
class Starting:
    """A process that opens a store as soon as it is told to."""

    process: subprocess.Popen[str]

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def says(self, line: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{line}\n", self.process.communicate()

    def waits(self) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(0.5)

    def succeeds(self) -> None:
        printed, logged = self.process.communicate(timeout=120)
        # The tests' own server writes as if no power cut could come.
        said = [line for line in logged.splitlines() if "a power cut can" not in line]
        assert (printed, said) == ("open\n", [])


@pytest.fixture
def starting() -> Iterator[Callable[..., Starting]]:
    """Processes that are about to start, and end with the test; `starting(config, block_after_step=3)` stops midway."""
    with ExitStack() as processes:

        def begin(config: Config, block_after_step: int | None = None) -> Starting:
            process = processes.enter_context(_starting(config, block_after_step))
            processes.callback(process.kill)
            begun = Starting(process)
            begun.says("ready")
            return begun

        yield begin


def _starting(config: Config, block_after_step: int | None) -> subprocess.Popen[str]:
    script = STARTING.format(config=config, room="postgres" if config.database_url else "sqlite")
    if block_after_step:
        head, _, tail = script.partition('print("ready"')
        script = f'{head}{BLOCKING.format(step=block_after_step)}print("ready"{tail}'
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("begin", ["new", "older"])
def test_many_processes_at_once_apply_each_migration_once(
    empty: Config, starting: Callable[..., Starting], begin: str
) -> None:
    if begin == "older":
        apply_first(empty)
        fill(empty, ROWS, TAGS, ASSIGNMENTS)
    processes = [starting(empty) for _ in range(8)]
    for process in processes:
        process.go_on()
    for process in processes:
        process.succeeds()
    assert logged(empty) == ALL
    assert len(everything(empty)) == (len(ROWS) if begin == "older" else 0)


@pytest.mark.parametrize("begin", ["new", "older"])
@pytest.mark.parametrize("step", [1, 3, 12])
def test_a_process_killed_in_the_middle_of_a_migration_is_no_hindrance(
    empty: Config, starting: Callable[..., Starting], begin: str, step: int
) -> None:
    if begin == "older":
        apply_first(empty)
        fill(empty, ROWS, TAGS, ASSIGNMENTS)
    killed = starting(empty, block_after_step=step)
    killed.go_on()
    killed.says("in the middle")
    killed.process.kill()
    killed.process.wait(30)
    if begin == "older":
        with raw(empty) as connection:
            assert connection.execute("SELECT count(acknowledged_at) FROM updates").fetchone() == (3,)
    assert len(everything(empty)) == (len(ROWS) if begin == "older" else 0)
    assert logged(empty) == ALL


def test_a_start_waits_for_the_process_that_migrates(empty: Config, starting: Callable[..., Starting]) -> None:
    first, second = starting(empty, block_after_step=5), starting(empty)
    first.go_on()
    first.says("in the middle")
    second.go_on()
    second.waits()
    first.go_on()
    first.succeeds()
    second.succeeds()
    assert logged(empty) == ALL


def test_a_start_waits_for_the_program_that_still_writes_to_the_file(
    older_file: Config, starting: Callable[..., Starting]
) -> None:
    process = starting(older_file)
    with raw(older_file) as connection:
        connection.execute("BEGIN IMMEDIATE")
        process.go_on()
        process.waits()
        connection.execute("INSERT INTO updates (image) VALUES ('last')")
        connection.execute("COMMIT")
    process.succeeds()
    assert [update.repository for update in everything(older_file).values()] == ["library/last"]


@pytest.mark.parametrize("begin", ["migrated", "older"])
def test_the_lock_that_a_killed_yoyo_leaves_behind_is_no_hindrance(empty: Config, begin: str) -> None:
    apply_first(empty) if begin == "older" else start(empty)
    with raw(empty) as connection:
        connection.execute(
            "CREATE TABLE yoyo_lock (locked INT DEFAULT 1, ctime TIMESTAMP, pid INT NOT NULL, PRIMARY KEY (locked))"
        )
        connection.execute("INSERT INTO yoyo_lock (pid) VALUES (4711)")
    start(empty)
    assert logged(empty) == ALL
