"""What the tests in a browser share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from diundashboard.config import Config

expect.set_options(timeout=15_000)


@pytest.fixture
def config(request: pytest.FixtureRequest, config_of: Callable[[str], Config]) -> Config:
    """Settings for SQLite, or for the database that a test names: no page knows which one it is."""
    return config_of(getattr(request, "param", "sqlite"))


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
