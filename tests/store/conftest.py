"""Databases without a store: empty, and of the first release."""

from __future__ import annotations

from pathlib import Path

import pytest

from diundashboard.config import Config
from tests.conftest import STORES
from tests.store.first_release import ASSIGNMENTS, ROWS, TAGS, apply_first, fill


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings for a database without any table, on each database in turn."""
    if request.param == "postgres":
        return Config(database_url=request.getfixturevalue("empty_postgres_url"))
    return Config(db_path=str(tmp_path / "diun.db"))


@pytest.fixture
def older(empty: Config) -> Config:
    """Settings for a database of the first release with rows, tags and assignments, on each database in turn."""
    apply_first(empty)
    fill(empty, ROWS, TAGS, ASSIGNMENTS)
    return empty


@pytest.fixture
def older_file(tmp_path: Path) -> Config:
    """Settings for an empty SQLite file of the first release."""
    config = Config(db_path=str(tmp_path / "diun.db"))
    apply_first(config)
    return config
