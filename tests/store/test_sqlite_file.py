"""The SQLite file while it is open: what is taken for lost or damaged, and what is not."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Selection
from diundashboard.store import Store, Unavailable, open_store
from diundashboard.store.sqlite import keeper
from diundashboard.store.sqlite.connection import Damaged
from diundashboard.store.sqlite.prepare import prepare
from tests.conftest import Clock
from tests.store.asking import record
from tests.store.databases import raw

pytestmark = pytest.mark.parametrize("config", ["sqlite"], indirect=True)

PATIENCE = 20


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def usable(store: Store) -> bool:
    try:
        store.ping()
    except Unavailable:
        return False
    return True


def wal(config: Config) -> Path:
    return Path(f"{config.db_path}-wal")


def elsewhere(statements: str) -> None:
    """Run Python in another process: one that opens the file in this one would take SQLite's locks away."""
    subprocess.run([sys.executable, "-c", statements], check=True)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done after a quiet minute is done at once."""
    monkeypatch.setattr(keeper, "QUIET", 0.0)
    monkeypatch.setattr(keeper, "LOOK", 0.05)


def test_the_wal_is_emptied_after_a_quiet_minute_and_the_file_alone_is_then_whole(
    config: Config, soon: None, store: Store, tmp_path: Path
) -> None:
    record(store)
    until(lambda: not wal(config).stat().st_size)
    copy = shutil.copy(config.db_path, tmp_path / "copy.db")
    with closing(open_store(Config(db_path=str(copy)))) as other:
        assert len(other.notifications(HistoryQuery())) == 1


def test_the_wal_does_not_grow_with_what_is_written(config: Config, store: Store) -> None:
    largest = 0
    for number in range(400):
        record(store, f"app{number}:1", metadata={"note": "x" * 10_000})
        largest = max(largest, wal(config).stat().st_size)
    assert largest < 8 * 1024 * 1024 < Path(config.db_path).stat().st_size


def test_what_other_programs_do_with_sqlite_is_no_loss(config: Config, store: Store) -> None:
    for number in range(20):
        record(store, f"app:1.{number}")
        with raw(config) as other:
            other.execute("UPDATE edits SET number = number + 1")
            other.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if number % 2 else 'PASSIVE'})")
            if number % 5 == 0:
                other.execute("VACUUM")
    assert len(store.notifications(HistoryQuery())) == 20


def test_a_file_that_is_only_touched_stays_open(config: Config, store: Store) -> None:
    record(store)
    os.utime(config.db_path)
    record(store, "app:2")
    os.link(config.db_path, f"{config.db_path}.link")
    record(store, "app:3")
    assert len(store.notifications(HistoryQuery())) == 3


def test_a_copy_that_looks_the_same_is_noticed(config: Config, soon: None, store: Store, tmp_path: Path) -> None:
    """Its size, its pages and SQLite's own counter of changes are those of the file."""
    record(store)
    until(lambda: not wal(config).stat().st_size)
    shutil.copy(config.db_path, tmp_path / "backup.db")
    record(store)
    until(lambda: not wal(config).stat().st_size)
    assert os.path.getsize(tmp_path / "backup.db") == os.path.getsize(config.db_path)
    elsewhere(f"import shutil; shutil.copyfile({str(tmp_path / 'backup.db')!r}, {config.db_path!r})")
    since = time.monotonic()
    with pytest.raises(Unavailable, match="it was overwritten while it was open"):
        record(store)
    until(lambda: usable(store))
    assert time.monotonic() - since > keeper.SETTLED, "a copy that is still being written is not opened"
    assert len(store.notifications(HistoryQuery())) == 1


def test_a_removed_file_is_saved_and_a_new_one_takes_its_place(
    config: Config, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(store)
    open_files = len(os.listdir("/dev/fd"))
    for _ in range(2):
        Path(config.db_path).unlink()
        with pytest.raises(Unavailable, match="it was removed while it was open"):
            record(store)
        until(lambda: usable(store))
        record(store)
    assert len(os.listdir("/dev/fd")) == open_files
    saved = sorted(tmp_path.glob("diun.db.removed-*"))
    assert [_held(path) for path in saved] == [1, 1]
    assert "the removed SQLite database was saved to" in caplog.text


def test_what_is_committed_into_a_file_that_has_just_been_removed_is_no_success(config: Config, clock: Clock) -> None:
    def now() -> datetime:
        if armed:
            Path(config.db_path).unlink(missing_ok=True)
        return clock()

    armed = False
    with closing(open_store(config, now)) as store:
        action = store.acknowledge(Selection((record(store),)), "")
        armed = True
        with pytest.raises(Unavailable, match="it was removed while it was open"):
            store.undo(action.id, "")  # It looks at the clock within its transaction.


def _held(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM notifications").fetchone()
    return int(count)


def test_a_wal_without_its_file_is_kept_and_told(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    Path(config.db_path).unlink()
    wal(config).write_bytes(b"committed")
    with caplog.at_level(logging.WARNING), closing(open_store(config)) as store:
        record(store)
    (aside,) = Path(config.db_path).parent.glob("diun.db-wal.old-*")
    assert aside.read_bytes() == b"committed"
    assert str(aside) in caplog.text


@pytest.mark.parametrize("new", [True, False])
def test_a_new_database_beside_a_spool_that_waits_is_told(
    config: Config, caplog: pytest.LogCaptureFixture, new: bool
) -> None:
    Path(config.spool_path, "waiting").mkdir(parents=True)
    if new:
        Path(config.db_path).unlink()
    with caplog.at_level(logging.WARNING):
        open_store(config).close()
    assert ("notifications wait in" in caplog.text) == new


def damage(path: str) -> None:
    """Overwrite the middle of the file, and leave its time as it is."""
    elsewhere(
        f"import os; path = {path!r}; found = os.stat(path); file = open(path, 'r+b'); file.seek(8192); "
        "file.write(bytes(found.st_size // 2)); file.close(); "
        "os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))"
    )


def test_a_damaged_file_is_left_as_it_is_until_a_backup_replaces_it(config: Config, tmp_path: Path) -> None:
    backup = shutil.copy(config.db_path, tmp_path / "backup.db")
    damage(config.db_path)
    content = Path(config.db_path).read_bytes()
    with closing(open_store(config)) as store:
        for operation in (store.ping, store.stamp, lambda: record(store)):
            with pytest.raises(Unavailable, match=r"diun\.db is damaged: .*; restore a backup, see the manual"):
                operation()
        assert Path(config.db_path).read_bytes() == content
        os.replace(backup, config.db_path)
        until(lambda: usable(store))
        record(store)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_backup_that_arrives_while_the_damaged_file_is_read_is_opened(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    monkeypatch.setattr(keeper, "SETTLED", 0.0)
    backup = Path(shutil.copy(config.db_path, tmp_path / "backup.db"))
    live = Path(config.db_path)
    live.write_bytes(live.read_bytes()[:4096] + os.urandom(8192))
    attempts = count(1)

    def prepare_meanwhile(path: str) -> str:
        try:
            return prepare(path)
        except Damaged:
            if next(attempts) == attempt:
                backup.rename(path)
            raise

    kept = keeper.Keeper(config.db_path, prepare_meanwhile)

    def is_open() -> bool:
        with kept.lock, suppress(Unavailable):
            kept.open()
            return True
        return False

    assert not is_open()
    if attempt == 2:
        os.utime(live)
    until(is_open)
    kept.close()


def test_damage_is_found_once_a_day(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "CHECK", 0.0)
    monkeypatch.setattr(keeper, "LOOK", 0.05)
    with closing(open_store(config)) as store:
        store.ping()
        damage(config.db_path)
        until(lambda: not usable(store))
        with pytest.raises(Unavailable, match="is damaged"):
            store.stamp()


def test_a_ping_fails_without_a_table(config: Config, store: Store) -> None:
    with raw(config) as connection:
        connection.execute("DROP TABLE tag_rules")
    with pytest.raises(Unavailable, match="it has no table tag_rules"):
        store.ping()


def test_a_ping_knows_every_table(config: Config, store: Store) -> None:
    with raw(config) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "_yoyo_", "yoyo_"))
        ]
    for name in names:
        with raw(config) as connection:
            connection.execute(f"ALTER TABLE {name} RENAME TO aside")
        assert not usable(store), name
        with raw(config) as connection:
            connection.execute(f"ALTER TABLE aside RENAME TO {name}")
        assert usable(store)


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file can become larger than this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_ping_fails_while_the_disk_takes_nothing(config: Config, store: Store) -> None:
    record(store)
    with full_disk(wal(config).stat().st_size):
        assert not usable(store)
    assert usable(store)


def test_a_ping_fails_while_another_program_holds_the_file(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "BUSY_TIMEOUT", 0.05)
    with closing(open_store(config)) as store, raw(config) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            store.ping()
        other.execute("ROLLBACK")
        store.ping()


def test_a_ping_changes_nothing(store: Store) -> None:
    stamp = store.stamp()
    store.ping()
    assert store.stamp() == stamp
