"""What arrives while a person works: no row moves under the pointer, the keyboard or a selection."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.rows import names, notify, refresh, row, ticks
from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser


def test_rows_that_arrive_wait_above_the_list_while_one_points_at_it(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    button = row(tab, "b").get_by_role("button", name="Done b on nas")
    button.hover()
    before = button.bounding_box()
    notify(dashboard, "d:1", "b:2", hostname="nas")
    notify(dashboard, "e:1")
    refresh(tab)
    expect(tab.locator("#arrivals[role=status]")).to_have_text("3 new · Show")
    assert button.bounding_box() == before
    expect(names(tab)).to_have_text(["c", "b", "a"])
    expect(tab.get_by_role("navigation", name="Pages")).to_contain_text("Updates 5")
    button.click()  # What is done is what is seen: b:1, not b:2.
    expect(tab.locator("#said")).to_contain_text("b")
    tab.get_by_role("button", name="Show", exact=True).click()
    expect(names(tab)).to_have_text(["e", "b", "d", "c", "a"])
    expect(tab.locator("#arrivals")).to_be_empty()


def test_rows_that_arrive_come_in_by_themselves_while_nobody_is_at_the_list(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    tab.goto(dashboard.url)
    notify(dashboard, "c:1")
    refresh(tab)
    expect(names(tab)).to_have_text(["c", "b", "a"])
    expect(tab.locator("#arrivals")).to_be_empty()
    ticks(tab).first.check()
    tab.mouse.move(0, 0)
    tab.locator(":focus").evaluate("focused => focused.blur()")
    notify(dashboard, "d:1")
    refresh(tab)
    expect(tab.locator("#arrivals")).to_have_text("1 new · Show")
    expect(ticks(tab).first).to_be_checked()
    tab.get_by_role("button", name="Clear").click()
    tab.mouse.move(0, 0)
    tab.locator("body").evaluate("() => document.activeElement.blur()")
    refresh(tab)
    expect(names(tab)).to_have_text(["d", "c", "b", "a"])


def test_a_row_that_somebody_else_has_done_is_marked_where_it_is(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    row(tab, "a").hover()
    before = row(tab, "a").bounding_box()
    body = b"id=3"
    dashboard.request("POST", "/act/acknowledge", body, Content_Type="application/x-www-form-urlencoded")
    refresh(tab)
    expect(tab.locator("#arrivals")).to_have_text("List changed · Show")
    expect(tab.locator(".update.elsewhere strong").first).to_have_text("c")
    assert row(tab, "a").bounding_box() == before


@pytest.mark.parametrize("path", ["/hosts", "/insights", "/history", "/tags", "/connect"])
def test_the_other_pages_count_along_and_say_that_they_do(dashboard: Dashboard, tab: Page, path: str) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url + path)
    refresh(tab)
    notify(dashboard, "b:1")
    refresh(tab)
    expect(tab.get_by_role("navigation", name="Pages")).to_contain_text("Updates 2")
    if path == "/hosts":
        expect(tab.get_by_role("main")).to_contain_text("2 pending")
        tab.locator("summary", has_text="Rename").click()
        tab.get_by_label("Name of nas").fill("half typ")
        dashboard.request("POST", "/ping/nas/start")
        refresh(tab)
        expect(tab.get_by_role("main")).to_contain_text("run started")
        expect(tab.get_by_label("Name of nas")).to_have_value("half typ")
