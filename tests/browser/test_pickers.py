"""The pickers of the updates page: tags, the end of a snooze, and the boxes of the filters."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.rows import act, names, notify, refresh, row
from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser


def tag(dashboard: Dashboard, *tags: str) -> None:
    for name in tags:
        dashboard.request("POST", "/api/v1/tags", f'{{"name": "{name}"}}'.encode())


def offered(tab: Page) -> Locator:
    return tab.get_by_role("dialog").locator("[data-tags] button:visible")


def week_from_now(tab: Page) -> str:
    """The day that a browser in its own zone shows."""
    then = datetime.fromisoformat(tab.evaluate("new Date().toLocaleDateString('sv')")) + timedelta(days=7)
    return f"{then:%a} {then.day} {then:%b}"


def test_a_tag_is_found_chosen_marked_and_created_by_keyboard(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "app:1", "web:1")
    tag(dashboard, "media", "net", "web")
    tab.goto(dashboard.url)
    tab.keyboard.press("j")
    tab.keyboard.press("t")
    expect(tab.get_by_label("Name of the tag")).to_be_focused()
    expect(offered(tab)).to_have_text(["media", "net", "web", "No tag"])
    tab.keyboard.type("E")
    expect(offered(tab)).to_have_text(["media", "net", "web"])
    tab.keyboard.type("t")
    expect(tab.get_by_role("dialog").get_by_role("status")).to_have_text("Press Enter to choose “net”.")
    tab.keyboard.press("Enter")
    expect(row(tab, "web").locator(".label")).to_have_text("net")
    tab.keyboard.press("t")
    expect(tab.get_by_role("dialog").locator("[aria-current]")).to_have_text("net")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(row(tab, "web").locator(".label")).to_have_text("media")
    tab.keyboard.press("t")
    tab.keyboard.type("films")
    expect(tab.get_by_role("dialog").get_by_role("button", name="Create “films”")).to_be_visible()
    expect(offered(tab)).to_have_count(0)
    tab.keyboard.press("Enter")
    expect(row(tab, "web").locator(".label")).to_have_text("films")
    tab.keyboard.press("t")
    expect(offered(tab)).to_have_text(["films", "media", "net", "web", "No tag"])
    offered(tab).last.click()
    expect(tab.locator(".update .label")).to_have_count(0)


def test_a_tag_is_chosen_on_the_page_of_an_update(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "app:1")
    tag(dashboard, "media", "net")
    page.goto(dashboard.url)
    page.get_by_role("link", name="app", exact=True).click()
    page.locator("summary", has_text="Tag").click()
    page.get_by_role("button", name="net", exact=True).click()
    expect(page.locator("header .label")).to_have_text("net")


@pytest.mark.parametrize("place", ["list", "page"])
def test_a_snooze_names_its_days_and_a_number_chooses_one(dashboard: Dashboard, tab: Page, place: str) -> None:
    notify(dashboard, "app:1")
    tab.goto(dashboard.url)
    tab.keyboard.press("j")
    if place == "page":
        tab.keyboard.press("Enter")
        expect(tab).to_have_url(re.compile("/updates/"))
    tab.keyboard.press("2")
    tab.keyboard.press("s")
    expect(tab.get_by_role("button", name=f"In a week, {week_from_now(tab)}")).to_be_visible()
    tab.keyboard.press("2")
    expect(tab.locator("#said")).to_contain_text("app on nas snoozed until")
    tab.goto(f"{dashboard.url}/?state=snoozed")
    expect(names(tab)).to_have_count(1)


def test_the_days_of_a_snooze_are_those_of_the_viewer(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "app:1")
    tab.clock.install(time=datetime.fromisoformat("2026-11-21T12:00:00Z"))
    tab.goto(dashboard.url)
    tab.get_by_role("button", name="Snooze app on nas").click()
    expect(tab.get_by_role("button", name="Tomorrow, Sun 22 Nov")).to_be_visible()
    expect(tab.get_by_role("button", name="In 30 days, Mon 21 Dec")).to_be_visible()


@pytest.mark.parametrize("where", ["list", "page"])
def test_escape_puts_the_focus_back_on_what_opened_a_picker(dashboard: Dashboard, tab: Page, where: str) -> None:
    notify(dashboard, "app:1")
    tab.goto(dashboard.url)
    if where == "page":
        tab.get_by_role("link", name="app", exact=True).click()
        opener = tab.locator("summary", has_text="Tag")
    else:
        opener = tab.get_by_label("More for app on nas")
    opener.click()
    if where == "list":
        row(tab, "app").get_by_role("button", name="Tag", exact=True).click()
    tab.get_by_label("Name of the tag").fill("x")
    tab.keyboard.press("Escape")
    expect(tab.get_by_label("Name of the tag")).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize("width", [1440, 390])
def test_boxes_that_are_ticked_stay_so_until_they_are_applied(dashboard: Dashboard, tab: Page, width: int) -> None:
    for host in ("nas", "pi", "vps"):
        notify(dashboard, f"{host}-app:1", hostname=host)
    tab.set_viewport_size({"width": width, "height": 844})
    tab.goto(dashboard.url)
    if width == 390:
        tab.get_by_role("button", name="Filters").click()
    tab.locator("summary", has_text="Host").click()
    for host in ("nas", "pi"):
        tab.get_by_role("checkbox", name=f"{host} 1", exact=True).check()
    for number in range(2):
        notify(dashboard, f"late{number}:1", hostname="vps")  # Its box comes first now.
        refresh(tab)
        expect(tab.get_by_role("checkbox", name=f"vps {number + 2}", exact=True)).not_to_be_checked()
        for host in ("nas", "pi"):
            expect(tab.get_by_role("checkbox", name=f"{host} 1", exact=True)).to_be_checked()
    tab.get_by_role("button", name="Apply").locator("visible=true").click()
    expect(names(tab)).to_have_text(["pi-app", "nas-app"])


@pytest.mark.parametrize("what", ["shown", "of pi"])
def test_after_many_are_done_the_next_are_read_from_the_top(dashboard: Dashboard, tab: Page, what: str) -> None:
    for number in range(55):
        notify(dashboard, f"app{number:02}:1", hostname="nas" if number % 2 else "pi")
    tab.goto(dashboard.url + ("/?group=host" if what == "of pi" else ""))
    button = tab.get_by_role("button", name=re.compile(f"^Mark all .* {what} done$"))
    button.scroll_into_view_if_needed()
    button.click()
    expect(tab.get_by_role("heading", level=1)).to_be_focused()
    assert tab.evaluate("scrollY") == 0
    expect(names(tab)).to_have_count(27 if what == "of pi" else 5)


def test_a_selection_is_tagged_by_mouse(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    tag(dashboard, "media")
    tab.goto(dashboard.url)
    tab.get_by_label("Select all").check()
    act(tab, "Tag")
    expect(tab.get_by_role("dialog").locator("[aria-current]")).to_have_count(0)
    offered(tab).filter(has_text="media").click()
    expect(tab.locator(".update .label")).to_have_text(["media", "media"])


def test_the_keyboard_goes_on_at_the_next_row_after_a_selection_was_snoozed(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "app:1", "db:1", "web:1")
    tab.goto(dashboard.url)
    for key in ("j", "x", "j", "x", "s", "2"):
        tab.keyboard.press(key)
    expect(names(tab)).to_have_text(["app"])
    expect(names(tab).get_by_role("link")).to_be_focused()
