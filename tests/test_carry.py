"""Backup, restore and transfer, as a person or a timer runs them."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Lock
from typing import IO

import pytest
from psycopg.conninfo import make_conninfo

from diundashboard import carry
from diundashboard.config import Config
from diundashboard.model import Invalid, Selection, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Conflict, Store, open_store
from tests.conftest import Clock
from tests.dashboard import COMMAND, Dashboard, environment, running
from tests.store.databases import ALL

PATIENCE = 60
"""Seconds that a test gives what should happen at once."""


def run(
    config: Config,
    *arguments: str | Path,
    given: bytes = b"",
    stdout: IO[bytes] | int = subprocess.PIPE,
    file_limit: int = resource.RLIM_INFINITY,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with these settings, to its end. No file that it writes has more than `file_limit` bytes."""
    return subprocess.run(
        [COMMAND, *arguments],
        env=environment(config),
        input=given,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit)),
        check=False,
    )


def refusal(ran: subprocess.CompletedProcess[bytes]) -> str:
    """The one line with which a command fails, after the lines that name the databases and the progress."""
    assert ran.returncode == 1
    *before, line = ran.stderr.decode().splitlines()
    expected = r"Using .* database.*|[a-z_]+: \d+|WARNING: .* has (fsync|full_page_writes) = off: .*"
    assert all(re.fullmatch(expected, each) for each in before)
    assert line.startswith("diundashboard: ")
    return line


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings for an SQLite file with 200 notifications of 8 KB each, to be read only."""
    config = Config(db_path=str(tmp_path_factory.mktemp("filled") / "diun.db"))
    noise = Random(0)
    with closing(open_store(config, Clock())) as store:
        for number in range(200):
            image = f"app{number % 50}:1.{number // 50}"
            fields = {"image": image, "hostname": f"host{number % 3}", "noise": noise.randbytes(4000).hex()}
            store.record(parse(json.dumps(fields).encode()))
        store.acknowledge(Selection(query=UpdateQuery(host=("host1",))), "person")
        store.create_rule("docker.io/library/app1*", store.create_tag("media").id)
    return config


@pytest.fixture(scope="session")
def backup_of_filled(filled: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "backup"
    assert run(filled, "backup", file).returncode == 0
    return file


@pytest.fixture
def backed_up(backup_of_filled: Path, tmp_path: Path) -> Path:
    """A backup, to be changed, alone in its folder."""
    (tmp_path / "backups").mkdir()
    return Path(shutil.copy2(backup_of_filled, tmp_path / "backups"))


def notifications(config: Config) -> int:
    with closing(open_store(config)) as store, store.contents() as contents:
        (number,) = [sum(1 for _ in table.rows) for table in contents.tables if table.name == "notifications"]
        return number


def test_a_backup_is_restored_into_an_empty_database_and_only_there(
    config: Config, filled: Config, backed_up: Path, tmp_path: Path
) -> None:
    ran = run(config, "restore", backed_up)
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert re.search(rb"^notifications: 200$", ran.stderr, re.MULTILINE)
    assert "is not empty: it has tags" in refusal(run(config, "restore", backed_up))
    again = tmp_path / "again"
    assert run(config, "backup", again).returncode == 0
    with closing(open_store(config)) as store:
        assert store.check() == ()
    assert again.read_bytes() == backed_up.read_bytes()


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_a_backup_goes_through_pipes(config: Config, filled: Config, backed_up: Path) -> None:
    piped = run(filled, "backup", "-").stdout
    assert piped == backed_up.read_bytes()
    assert run(config, "restore", "-", given=piped).returncode == 0
    assert notifications(config) == notifications(filled)


def test_a_backup_can_be_read_by_its_owner_alone_and_replaces_none_unless_told(filled: Config, backed_up: Path) -> None:
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600
    content = backed_up.read_bytes()
    backed_up.write_bytes(b"mine")
    assert refusal(run(filled, "backup", backed_up)).endswith(
        "backup exists: name another file, or replace it with --force"
    )
    assert backed_up.read_bytes() == b"mine"
    assert run(filled, "backup", "--force", backed_up).returncode == 0
    assert backed_up.read_bytes() == content
    assert os.listdir(backed_up.parent) == ["backup"]


def test_a_backup_that_the_disk_has_no_room_for_leaves_the_old_one_as_it_was(filled: Config, backed_up: Path) -> None:
    content = backed_up.read_bytes()

    line = refusal(run(filled, "backup", "--force", backed_up, file_limit=100_000))
    assert line == f"diundashboard: {backed_up} cannot be written: File too large"
    assert backed_up.read_bytes() == content
    assert os.listdir(backed_up.parent) == ["backup"]
    with open("/dev/full", "wb") as full:
        ran = run(filled, "backup", "-", stdout=full)
    assert refusal(ran) == "diundashboard: stdout cannot be written: No space left on device"


def test_there_is_nothing_to_back_up_where_there_is_no_file(tmp_path: Path) -> None:
    config = Config(db_path=str(tmp_path / "no.db"))
    assert refusal(run(config, "backup", tmp_path / "backup")).endswith(f"there is no SQLite file {config.db_path}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", ["truncated", "altered", "foreign", "later", "away"])
def test_what_cannot_be_restored_is_refused_with_one_line_and_changes_nothing(
    config: Config, store: Store, backed_up: Path, damage: str
) -> None:
    content = backed_up.read_bytes()
    text = gzip.decompress(content)
    broken, words = {
        "truncated": (content[: len(content) * 3 // 4], "it is damaged or incomplete: "),
        "altered": (
            gzip.compress(text.replace(b'"host1"', b'"host7"')),
            "it is damaged or incomplete: the checksum is",
        ),
        "foreign": (b"Dear diary,\n", "it is not a backup of DIUN Dashboard"),
        "later": (
            gzip.compress(text.replace(ALL[-1].encode(), b"9999.later")),
            "it was written by a later version of DIUN Dashboard",
        ),
        "away": (b"", ""),
    }[damage]
    backed_up.write_bytes(broken)
    if damage == "away":
        backed_up.unlink()
    with pytest.raises(Invalid) as caught:
        carry.restore(config, str(backed_up))
    reason = "cannot be read: No such file or directory" if damage == "away" else f"cannot be restored: {words}"
    assert str(caught.value).startswith(f"{backed_up} {reason}")
    assert str(caught.value).isprintable()
    assert store.is_empty()


def test_a_refusal_is_one_line_and_the_exit_status_1(filled: Config, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("Dear diary,\n")
    line = refusal(run(filled, "restore", tmp_path / "diary"))
    assert "cannot be restored: it is not a backup of DIUN Dashboard" in line


def test_a_restore_that_is_killed_leaves_an_empty_database_that_can_be_restored_again(
    config: Config, filled: Config, backed_up: Path
) -> None:
    content = backed_up.read_bytes()
    command = [str(COMMAND), "restore", "-"]
    with subprocess.Popen(command, env=environment(config), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(content[: len(content) * 3 // 4])
        process.stdin.flush()
        while not process.stderr.readline().startswith(b"updates: "):
            assert process.poll() is None
        process.kill()
    with closing(open_store(config)) as store:
        assert store.is_empty()
    carry.restore(config, str(backed_up))
    assert notifications(config) == notifications(filled)


def test_a_backup_while_the_dashboard_runs_has_all_that_was_answered_before_it(config: Config, tmp_path: Path) -> None:
    answered: set[str] = set()
    lock, enough = Lock(), Event()

    def keep_sending(dashboard: Dashboard, sender: int) -> None:
        for number in count():
            if enough.is_set():
                return
            image = f"docker.io/library/app{sender}-{number}:1.0"
            body = json.dumps({"image": image, "hostname": "nas", "digest": "sha256:a"}).encode()
            assert dashboard.request("POST", "/webhook", body).status == 200
            with lock:
                answered.add(image)

    copies: list[tuple[set[str], Path]] = []
    with running(config) as dashboard, ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(keep_sending, dashboard, sender) for sender in range(4)]
        try:
            while len(copies) < 2:
                with lock:
                    before = set(answered)
                if len(before) > 20 * (1 + len(copies)):
                    copies.append((before, tmp_path / f"backup{len(copies)}"))
                    assert run(config, "backup", copies[-1][1]).returncode == 0
        finally:
            enough.set()
        for sender in senders:
            sender.result()
        sent = set(answered)
    for before, file in copies:
        restored = Config(db_path=f"{file}.db")
        carry.restore(restored, str(file))
        with closing(open_store(restored)) as store, store.contents() as contents:
            assert store.check() == ()
            held = {
                row[list(table.columns).index("image")]
                for table in contents.tables
                for row in table.rows
                if table.name == "notifications"
            }
        assert before <= held <= sent


# Transfer


@pytest.mark.postgres
def test_a_dashboard_moves_to_postgresql_and_back(
    filled: Config, backup_of_filled: Path, postgres_url: str, tmp_path: Path
) -> None:
    chosen = Config(database_url=make_conninfo(postgres_url, password="hunter2"), db_path=filled.db_path)
    there = run(chosen, "transfer", "--from", filled.db_path)
    assert there.returncode == 0
    assert b"hunter2" not in there.stdout + there.stderr
    back = Config(db_path=str(tmp_path / "back.db"))
    assert run(chosen, "transfer", "--to", back.db_path).returncode == 0
    carry.back_up(back, str(tmp_path / "backup"), force=False)
    assert (tmp_path / "backup").read_bytes() == backup_of_filled.read_bytes()
    assert "is not empty" in refusal(run(filled, "transfer", "--to", postgres_url))


@pytest.mark.parametrize(
    ("text", "database_url", "db_path"),
    [
        ("postgresql://diun@db/diun", "postgresql://diun@db/diun", "diun.db"),
        ("postgres:///diun", "postgres:///diun", "diun.db"),
        ("host=/run/postgresql dbname=diun", "host=/run/postgresql dbname=diun", "diun.db"),
        ("other.db", "", "other.db"),
        ("/data/diun.db", "", "/data/diun.db"),
        ("./a=b.db", "", "./a=b.db"),
    ],
)
def test_another_database_is_named_as_settings_name_it(text: str, database_url: str, db_path: str) -> None:
    for config in (Config(), Config(database_url="postgresql://elsewhere")):
        assert carry.database_at(config, text) == Config(database_url=database_url, db_path=db_path)


def test_one_database_cannot_be_transferred_into_itself(filled: Config) -> None:
    with pytest.raises(Conflict, match="is not empty"):
        carry.transfer(filled, filled)


def test_nothing_can_be_transferred_from_a_file_that_is_not_there(filled: Config, tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    with pytest.raises(Invalid, match="there is no SQLite file"):
        carry.transfer(Config(db_path=str(path)), filled)
    assert not path.exists()


@pytest.mark.postgres
def test_an_empty_postgresql_beside_a_filled_file_is_told_with_the_command_that_carries_it_over(
    filled: Config, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(database_url=postgres_url, db_path=filled.db_path)
    with running(config) as dashboard:
        deadline = time.monotonic() + 30
        while not (lines := [line for line in dashboard.log.splitlines() if "is empty" in line]):
            assert time.monotonic() < deadline, dashboard.log
            time.sleep(0.02)
    (line,) = lines
    told = re.fullmatch(
        rf"WARNING: PostgreSQL is empty, but the SQLite file {filled.db_path} holds 200 updates\. "
        r"To copy them, run: diundashboard (transfer --from \S+)",
        line,
    )
    assert told
    assert run(config, *told[1].split()).returncode == 0
    with closing(open_store(config)) as store:
        carry.tell_of_other(config, store)
    assert "is empty" not in caplog.text


@pytest.mark.parametrize("config", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_an_empty_postgresql_alone_is_nothing_to_tell(
    config: Config, store: Store, tmp_path: Path, migrated_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "text").write_text("Dear diary,\n")
    with closing(sqlite3.connect(tmp_path / "songs")) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    before = caplog.text
    for path in (tmp_path / "no.db", tmp_path, tmp_path / "text", tmp_path / "songs", migrated_file):
        carry.tell_of_other(replace(config, db_path=str(path)), store)
    assert caplog.text == before
