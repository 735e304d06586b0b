"""Databases that are not ours, or that a later version wrote, are refused and left as they are."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from diundashboard.config import Config
from diundashboard.store import open_store
from tests.conftest import PAYLOADS
from tests.store.asking import recorded
from tests.store.databases import ALL, everything, logged, raw, refusal, start


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file in a folder with its bytes."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def foreign(path: Path, statements: str = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)


def text_file(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def short_file(path: Path) -> None:
    path.write_bytes(b"\n\n")


def picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20_000))


def many_tables(path: Path) -> None:
    foreign(path, "".join(f"CREATE TABLE t{number} (x);" for number in range(9)))


def same_names(path: Path) -> None:
    foreign(
        path,
        """
        CREATE TABLE updates (image TEXT, hostname TEXT, digest TEXT, received_at TEXT, acknowledged_at TEXT, x TEXT);
        CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE tag_assignments (image TEXT, tag_id INTEGER);
        """,
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "folder"),
        (text_file, "not a database"),
        (short_file, "not a database"),
        (picture, "not a database"),
        (foreign, "not one of DIUN Dashboard: it holds the tables notes."),
        (many_tables, "it holds the tables t0, t1, t2, t3, t4, ..."),
        (same_names, "not one of DIUN Dashboard: it holds the tables tag_assignments, tags, updates."),
    ],
)
def test_what_is_no_database_of_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "diun.db"
    make(path)
    before = snapshot(tmp_path)
    message = refusal(Config(db_path=str(path)))
    assert reason in message
    assert str(path) in message
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("in_use", [True, False])
def test_a_foreign_database_in_wal_mode_is_refused_and_left_as_it_is(tmp_path: Path, in_use: bool) -> None:
    folder, copy = tmp_path / "live", tmp_path / "copy"
    for place in (folder, copy):
        place.mkdir()
    with closing(sqlite3.connect(folder / "diun.db", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT);")
        for name in ("diun.db", "diun.db-wal"):
            shutil.copy(folder / name, copy / name)
        place = folder if in_use else copy
        before = snapshot(place)
        assert "it holds the tables notes" in refusal(Config(db_path=str(place / "diun.db")))
        after = snapshot(place)
        # The -shm file is SQLite's shared memory, in which every reader makes its mark. It holds nothing.
        index = str(place / "diun.db-shm")
        assert {**after, index: None} == {**before, index: None}


def test_an_sqlite_file_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    config = Config(db_path=str(tmp_path / "diun.db"))
    start(config)
    later(config)
    before = snapshot(tmp_path)
    assert "later version" in refusal(config)
    assert snapshot(tmp_path) == before


@pytest.mark.postgres
def test_a_postgresql_database_of_a_later_version_is_refused_and_left_as_it_is(postgres_url: str) -> None:
    config = Config(database_url=postgres_url)
    later(config)
    assert "later version" in refusal(config)
    assert logged(config) == ALL


def later(config: Config) -> None:
    with raw(config) as connection:
        connection.execute("INSERT INTO _yoyo_migration VALUES ('f00d', '0999.flying-cars', '2036-01-01 00:00:00')")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/diun.db", "file"),
        ("file/deeper/diun.db", "Not a directory"),
        ("/proc/diun.db", "unable to open database file"),
        ("/proc/no/such/folder/diun.db", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    before = snapshot(tmp_path)
    assert reason in refusal(Config(db_path=str(tmp_path / path)))
    assert snapshot(tmp_path) == before


def test_an_empty_file_and_a_missing_folder_are_a_new_database(tmp_path: Path) -> None:
    for path in (tmp_path / "empty.db", tmp_path / "a" / "b" / "diun.db"):
        if path.parent == tmp_path:
            path.touch()
        assert everything(Config(db_path=str(path))) == {}


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a b%20c.db", "日本.db", "#?.db"])
def test_every_name_is_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config(db_path=name)
    with closing(open_store(config)) as store:
        recorded(store, PAYLOADS[0].read_bytes())
    assert len(everything(config)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
