"""What the tests in a browser share."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from diundashboard.config import Config
from tests.dashboard import Dashboard, open_to_all, running

expect.set_options(timeout=15_000)


@pytest.fixture
def config(request: pytest.FixtureRequest, config_of: Callable[[str], Config]) -> Config:
    """Settings for SQLite, or for the database that a test names: no page knows which one it is."""
    return config_of(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def emptied(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Dashboard]]:
    """A dashboard on SQLite for all tests of this process: each call empties its database, and forgets nothing else.

    A server costs more CPU time to start than most tests need.
    """
    folder = tmp_path_factory.mktemp("emptied")
    file, first = folder / "diun.db", folder / "first.db"
    shutil.copy(migrated_file, file)

    def copy(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target, timeout=30)) as written:
            # The program lets nobody else copy its -wal into the file.
            written.execute("PRAGMA wal_autocheckpoint = 0")
            read.backup(written)

    with running(open_to_all(Config(db_path=str(file)))) as served:
        copy(file, first)

        def empty() -> Dashboard:
            copy(first, file)
            return served

        yield empty


@pytest.fixture
def dashboard(config: Config, emptied: Callable[[], Dashboard]) -> Dashboard:
    """The dashboard as its users start it, on an empty store."""
    return emptied()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab with JavaScript, in which an error of a script fails the test."""
    context = browser.new_context(reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(10_000)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
