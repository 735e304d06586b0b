"""Hosts in a real browser, with JavaScript and without: rename, merge and forget."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def hosts(page: Page, dashboard: Dashboard) -> None:
    """Two hosts, on the page."""
    for hostname, image in (("nas", "nginx:1.27.0"), ("7c1f0a9b3e55", "redis:7.4.0")):
        body = json.dumps({"hostname": hostname, "image": image}).encode()
        assert dashboard.request("POST", "/webhook", body).status == 200
    page.goto(f"{dashboard.url}/hosts")


def host(page: Page, name: str) -> Locator:
    """The row of a host."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))


def names(page: Page) -> Locator:
    return page.locator("main h2")


def test_a_host_is_renamed_and_called_so_everywhere(page: Page, dashboard: Dashboard) -> None:
    row = host(page, "nas")
    row.get_by_text("Rename", exact=False).first.click()
    row.get_by_label("Name of nas").fill("Cellar")
    row.get_by_label("Name of nas").press("Enter")
    expect(names(page)).to_have_text(["7c1f0a9b3e55", "Cellar"])
    host(page, "Cellar").get_by_role("link", name="1 pending").click()
    expect(page.locator(".update .where strong")).to_have_text(["Cellar"])


def test_a_host_is_merged_into_another_after_a_confirmation(page: Page) -> None:
    host(page, "7c1f0a9b3e55").get_by_role("link", name="Merge").click()
    confirm = page.get_by_role("button", name="Merge 7c1f0a9b3e55")
    expect(page.get_by_role("main")).to_contain_text("You can't undo this.")
    confirm.click()
    expect(confirm).to_be_visible()  # The browser asks which host first.
    page.get_by_role("combobox").select_option("nas")
    confirm.click()
    expect(names(page)).to_have_text(["nas"])
    expect(host(page, "nas")).to_contain_text("with 7c1f0a9b3e55")
    expect(host(page, "nas")).to_contain_text("2 pending")


def test_a_host_is_forgotten_after_a_confirmation_and_its_history_stays(page: Page, dashboard: Dashboard) -> None:
    row = host(page, "nas")
    confirm = row.get_by_role("button", name="Forget nas")
    expect(confirm).to_be_hidden()
    row.locator("summary", has_text="Forget").click()
    expect(row).to_contain_text("The history keeps its notifications")
    confirm.click()
    expect(names(page)).to_have_text(["7c1f0a9b3e55"])
    page.goto(f"{dashboard.url}/history")
    expect(page.locator(".past .what strong")).to_have_text(["redis:7.4.0", "nginx:1.27.0"])


def test_everything_about_a_host_works_with_the_keyboard(page: Page) -> None:
    row = host(page, "nas")
    row.locator("summary", has_text="Forget").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(row.get_by_role("button", name="Forget nas")).to_be_focused()
    page.keyboard.press("Enter")
    expect(names(page)).to_have_text(["7c1f0a9b3e55"])


@pytest.mark.parametrize("path", ["/hosts", "/history"])
def test_a_phone_needs_no_sideways_scrolling(page: Page, dashboard: Dashboard, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    name = "proxmox-vm-" + "with-a-very-long-name-" * 4
    body = json.dumps({"hostname": name, "image": "registry.example.net/a/b:" + "1" * 100}).encode()
    assert dashboard.request("POST", "/webhook", body).status == 200
    page.goto(f"{dashboard.url}{path}")
    for opened in page.locator("summary").all():
        opened.click()
        assert page.locator("html").evaluate("page => page.scrollWidth") <= 390
