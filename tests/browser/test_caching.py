"""A page is kept by no cache, and still not sent again while nothing has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from diundashboard.config import Config
from tests.dashboard import running


@pytest.fixture
def config(config_of: Callable[[str], Config]) -> Config:
    return config_of("sqlite")


@pytest.mark.parametrize("path", ["/", "/connect"])
def test_the_pages_own_polling_gets_304_though_no_browser_keeps_the_page(config: Config, tab: Page, path: str) -> None:
    with running(config) as dashboard:
        tab.clock.install()
        tab.goto(f"{dashboard.url}{path}")
        statuses = []
        for _ in range(3):
            with tab.expect_response(lambda answer: answer.request.resource_type == "fetch") as caught:
                tab.clock.run_for(16_000)
            statuses.append(caught.value.status)
            assert caught.value.headers["cache-control"] == "no-store"
        assert statuses[-1] == 304
        assert dashboard.request("POST", "/webhook", b'{"image": "nginx:1", "hostname": "nas"}').status == 200
        if path == "/":
            tab.clock.run_for(16_000)
            expect(tab.locator("#list")).to_contain_text("nginx")


def test_going_back_shows_the_page_as_it_is_now(config: Config, page: Page) -> None:
    with running(config) as dashboard:
        assert dashboard.request("POST", "/webhook", b'{"image": "nginx:1", "hostname": "nas"}').status == 200
        page.goto(f"{dashboard.url}/")
        page.goto(f"{dashboard.url}/tags")
        assert dashboard.request("POST", "/webhook", b'{"image": "redis:7", "hostname": "nas"}').status == 200
        page.go_back()
        expect(page.locator("#list")).to_contain_text("redis")
