"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from diundashboard.config import Config

BOTH = (
    "test_api",
    "test_audit",
    "test_gate",
    "test_history_page",
    "test_hosts_page",
    "test_insights_page",
    "test_secret",
    "test_tags_page",
    "test_webhook",
)
"""The modules whose tests run on both databases: between them they ask every operation of the store for something.

No page knows which database there is. What an operation promises on both is shown in tests/store.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the databases of a test that asks for settings and names none."""
    named = any("config" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "config" in metafunc.fixturenames and not named:
        postgres = pytest.param("postgres", marks=pytest.mark.postgres)
        both = metafunc.module.__name__.rpartition(".")[2] in BOTH
        metafunc.parametrize("config", ["sqlite", postgres] if both else ["sqlite"], indirect=True)


@pytest.fixture
def config(request: pytest.FixtureRequest, config_of: Callable[[str], Config]) -> Config:
    """Settings for the database that `pytest_generate_tests` chooses."""
    return config_of(request.param)
