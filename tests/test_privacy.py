"""What the program writes is for its own user alone, however wide the umask that it inherits."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from diundashboard.config import Config
from tests.conftest import PAYLOADS
from tests.dashboard import COMMAND, environment, open_to_all, running

OPEN = ("sh", "-c", 'umask 000; exec "$0" "$@"', str(COMMAND))
"""The program as a shell starts it that gives everything to everybody."""


def modes(folder: Path) -> dict[str, int]:
    """The modes of all that is in a folder."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that everybody can open, as /data is."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def test_the_database_the_spool_and_backups_are_for_one_user(place: Path) -> None:
    config = open_to_all(Config(db_path=str(place / "new" / "diun.db")))
    with running(config, (*OPEN, "serve")) as dashboard:
        assert dashboard.request("POST", "/webhook", PAYLOADS[0].read_bytes()).status == 200
        subprocess.run([*OPEN, "backup", place / "backup"], env=environment(config), check=True)
        found = modes(place)
        log = dashboard.log
    assert {"new", "new/diun.db", "new/diun.db-wal", "new/diun.db-shm", "new/diun-spool", "backup"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert "Every user" not in log


def test_a_database_that_everybody_can_read_is_left_so_and_said_in_one_line(place: Path, migrated_file: Path) -> None:
    path = place / "diun.db"
    path.write_bytes(migrated_file.read_bytes())
    for mode, lines in (
        (0o644, [f"Every user of this machine can read {path}. To prevent that, run: chmod o= {path}"]),
        (0o660, []),
    ):
        path.chmod(mode)
        with running(open_to_all(Config(db_path=str(path))), (*OPEN, "serve")) as dashboard:
            assert [line for line in dashboard.log.splitlines() if "Every" in line] == lines
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
