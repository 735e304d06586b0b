"""Lives of a process that uses the spool, each killed one call to the system later than the one before.

Arguments: a folder to work in, a migrated SQLite file, and how many calls later each is killed. Prints the number of
lives.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from contextlib import closing
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from diundashboard.config import Config
from diundashboard.model import HistoryQuery
from diundashboard.spool import Spool
from diundashboard.store import open_store

_SYSTEM = ("posix", "fcntl")


def _body(number: int) -> bytes:
    return json.dumps({"image": "nginx:1", "hostname": "nas", "digest": f"sha256:{number}"}).encode()


def _live(folder: Path, path: Path, last_call: int, answers: int) -> None:
    """Keep two notifications, store them, store a third; the process is killed before that call to the system."""
    store = open_store(Config(db_path=str(path)))
    calls = count(1)

    def watch(_: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__module__ in _SYSTEM and next(calls) == last_call:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    spool = Spool(folder, store)
    for number in range(2):
        spool.take(_body(number))
        os.write(answers, b"%d" % number)
    spool.drain()
    spool.take(_body(2))
    os.write(answers, b"2")


def _answered(folder: Path, path: Path, last_call: int) -> tuple[str, bool]:
    """What was answered in one life, and whether that ended by itself."""
    receiving, answers = os.pipe()
    child = os.fork()
    if not child:
        try:
            _live(folder, path, last_call, answers)
        finally:
            os._exit(0)
    os.close(answers)
    with open(receiving, "rb") as answered:
        numbers = answered.read().decode()
    return numbers, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _check(folder: Path, path: Path, answered: str, last_call: int) -> None:
    """Everything that was answered is stored by the next process, and nothing else is left."""
    with closing(open_store(Config(db_path=str(path)))) as store:
        Spool(folder, store).drain()
        stored = {heard.digest[-1] for heard in store.notifications(HistoryQuery())}
        assert set(answered) <= stored, f"killed at call {last_call}: {answered} were answered, {stored} are stored"
        left = [path.name for path in (folder / "waiting").glob("[!.]*")]
        assert not left, f"killed at call {last_call}: {left} are left"
        assert not (folder / "failed").exists(), f"killed at call {last_call}: something failed"


def main(work: Path, migrated: Path, step: int) -> int:
    """Live until a life ends by itself; returns how many lives that were."""
    for lives, last_call in enumerate(count(1, step), 1):
        folder, path = work / f"{last_call}-spool", work / f"{last_call}.db"
        shutil.copy(migrated, path)
        (folder / "waiting").mkdir(parents=True)
        answered, ended = _answered(folder, path, last_call)
        _check(folder, path, answered, last_call)
        if ended:
            assert answered == "012"
            return lives
    raise AssertionError


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
