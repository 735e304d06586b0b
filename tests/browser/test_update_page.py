"""The page of one update in a real browser: its keys, acting in place, and its place in the list."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.rows import notify, refresh
from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(dashboard: Dashboard, tab: Page) -> Callable[[str], None]:
    """Opens the page of an image from the list of pi, which has a, b and c."""
    notify(dashboard, "other:1")
    notify(dashboard, "a:1.0.0", "b:1.0.0", "c:1.0.0", hostname="pi")

    def open_page(name: str) -> None:
        tab.goto(f"{dashboard.url}/?host=pi")
        tab.locator(".update strong a").get_by_text(name, exact=True).click()
        expect(tab.get_by_role("heading", level=1)).to_have_text(f"{name} on pi")

    return open_page


def button(tab: Page, name: str) -> None:
    expect(tab.locator(".deeds").get_by_role("button", name=name, exact=True)).to_be_visible()


def test_every_key_of_the_list_works_on_the_page_of_an_update(opened: Callable[[str], None], tab: Page) -> None:
    opened("b")
    title = tab.get_by_role("heading", level=1)
    for key, name in (("j", "a"), ("k", "b"), ("k", "c"), ("j", "b")):
        tab.keyboard.press(key)
        expect(title).to_have_text(f"{name} on pi")
        expect(tab.locator("[data-live]")).to_be_visible()  # Its script runs.
    tab.keyboard.press("t")
    tab.keyboard.type("media")
    tab.keyboard.press("Enter")
    expect(tab.locator(".detail header .label")).to_have_text("media")
    expect(tab.locator("#menu-tag")).not_to_have_attribute("open", "")
    expect(tab.locator("#menu-tag summary")).to_be_focused()
    tab.keyboard.press("n")
    tab.keyboard.type("read this")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".detail > .note")).to_have_text("read this")
    tab.keyboard.press("m")
    button(tab, "Unmute")
    tab.keyboard.press("u")
    button(tab, "Mute")
    tab.keyboard.press("s")
    expect(tab.get_by_role("button", name=re.compile("^Tomorrow"))).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name=re.compile("^Tomorrow"))).to_be_hidden()
    tab.keyboard.press("a")
    button(tab, "Reopen")
    expect(tab.locator("#said")).to_contain_text("b on pi done")
    tab.keyboard.press("u")
    button(tab, "Done")
    tab.locator("#said").evaluate("region => region.replaceChildren()")
    tab.keyboard.press("u")
    expect(tab.locator(".detail > .note")).to_have_count(0)
    tab.keyboard.press("Escape")
    expect(tab).to_have_url(re.compile(r"/\?host=pi$"))


def test_a_refresh_keeps_the_way_through_the_list(
    opened: Callable[[str], None], tab: Page, dashboard: Dashboard
) -> None:
    opened("c")
    following = tab.get_by_role("link", name="Next").get_attribute("href")
    tab.locator("#raw > summary").click()
    notify(dashboard, "c:1.0.0", hostname="pi", digest="sha256:" + "1" * 64)
    refresh(tab)
    expect(tab.locator(".timeline > li")).to_have_count(2)
    expect(tab.get_by_role("link", name="Next")).to_have_attribute("href", str(following))
    expect(tab.get_by_role("link", name="Back to updates")).to_have_attribute("href", "/?host=pi")
    expect(tab.locator("#raw")).to_have_attribute("open", "")


def test_what_was_typed_stays_when_it_could_not_be_saved(opened: Callable[[str], None], tab: Page) -> None:
    opened("b")
    tab.keyboard.press("n")
    note = tab.get_by_role("textbox", name="Note")
    note.fill("read this first")
    tab.context.set_offline(True)
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#said")).to_contain_text("Not saved. Can't reach the server.")
    expect(note).to_have_value("read this first")
    expect(note).to_be_visible()
    tab.context.set_offline(False)
    tab.get_by_role("button", name="Retry").click()
    expect(tab.locator(".detail > .note")).to_have_text("read this first")
    expect(note).to_be_hidden()


def test_the_kind_says_why_and_leads_to_the_running_version(opened: Callable[[str], None], tab: Page) -> None:
    opened("b")
    version = tab.get_by_role("textbox", name="Version that runs")
    tab.locator(".detail .why summary").click()
    expect(tab.locator(".detail .why")).to_contain_text("No running version is known to compare with.")
    tab.get_by_role("link", name="Set running version").click()
    expect(version).to_be_focused()
    version.fill("0.9.0")
    version.press("Enter")
    expect(tab.locator(".detail .why summary")).to_have_text("major")
    tab.keyboard.press("Escape")
    tab.locator(".update .why summary").get_by_text("major").click()
    tab.get_by_role("link", name="Set running version").filter(visible=True).click()
    expect(version).to_be_focused()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_version_squeezes_nothing(dashboard: Dashboard, tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    notify(dashboard, f"library/jellyfin:1.0.{'7' * 115}", provider="docker")
    tab.goto(dashboard.url)
    tab.locator(".update strong a").click()
    title, copy = tab.get_by_role("heading", level=1), tab.get_by_role("button", name="Copy").first
    assert title.evaluate("title => title.clientWidth") > width / 2
    assert tab.locator("html").evaluate("page => page.scrollWidth") <= width
    assert copy.evaluate(
        """button => {
            const [over, text] = [button, button.previousElementSibling].map(each => each.getBoundingClientRect());
            return over.bottom <= text.top && text.width > over.width;
        }"""
    )
