"""The list of updates at the widths that people have, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.rows import notify
from tests.dashboard import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("config", ["sqlite"], indirect=True)]

WIDTHS = (1440, 1101, 820, 641, 390, 320)
LONG = f"10.10.1{'.1234' * 12}-alpine"

RECTANGLES = """(selector) => [...document.querySelectorAll(selector)].map((element) => {
  const { x, y, width, height, right, bottom } = element.getBoundingClientRect();
  return { x, y, width, height, right, bottom };
})"""


def rectangles(page: Page, selector: str) -> list[dict[str, float]]:
    """Where the elements that match are in the window."""
    found: list[dict[str, float]] = page.evaluate(RECTANGLES, selector)
    return found


def style(page: Page, selector: str, name: str) -> Any:
    """What one element really looks like."""
    return page.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", name)


def fill(dashboard: Dashboard, count: int = 8) -> None:
    """Rows of usual length, the newest with a change to a long version."""
    notify(dashboard, *(f"app{number}:10.9.{number}" for number in range(count)), metadata={"ctn_names": "web"})
    notify(dashboard, "elements:10.9.0-alpine")
    for_row = dashboard.request("GET", "/api/v1/updates?q=elements").json["updates"][0]["id"]
    fields = b'{"state": "acknowledged"}'
    dashboard.request("PATCH", f"/api/v1/updates/{for_row}", fields, Content_Type="application/json")
    notify(dashboard, f"elements:{LONG}", hub_link="https://hub.docker.com/r/elements")


def test_a_version_breaks_after_its_arrow_only_and_is_cut_in_one_line(dashboard: Dashboard, page: Page) -> None:
    fill(dashboard)
    page.goto(dashboard.url)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for part in rectangles(page, ".version :is(.from, .to)"):
            assert 0 < part["height"] <= 24, width
            assert part["right"] <= width, width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        (code,) = page.locator(f'.version code[title*="{LONG[:20]}"]').all()
        expect(code).to_have_attribute("title", re.compile(r"^10\.9\.0-alpine → 10\.10"))


def test_five_rows_fit_on_a_phone_and_nothing_of_the_navigation_is_cut(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, *(f"app{number}:10.9.{number}" for number in range(8)), metadata={"ctn_names": "web"})
    for width, height in ((390, 844), (320, 700)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(dashboard.url)
        (navigation,) = rectangles(page, ".rooms")
        if width == 390:  # Without the warning that this dashboard is open to everybody.
            page.evaluate("document.querySelector('#kept').replaceChildren()")
            visible = [row for row in rectangles(page, ".updates > .update") if row["bottom"] <= navigation["y"]]
            assert len(visible) >= 5
        for room in rectangles(page, ".rooms a"):
            assert room["right"] <= width
        for label in page.locator(".rooms a").all():
            assert label.evaluate("(element) => element.scrollWidth <= element.clientWidth")


def test_targets_are_large_enough_for_a_thumb_and_for_a_mouse(dashboard: Dashboard, browser: Browser) -> None:
    fill(dashboard, 2)
    controls = ".update :is(button, summary):not(.menu > :not(summary) *)"
    for width, touch, least in ((1440, False, 24), (390, True, 44), (1100, True, 44)):
        context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=touch, is_mobile=touch)
        page = context.new_page()
        page.goto(dashboard.url)
        for target in rectangles(page, controls):
            assert min(target["width"], target["height"]) >= least, (width, target)
        context.close()


def test_the_focus_of_a_row_is_drawn_inside_what_clips_it(dashboard: Dashboard, page: Page) -> None:
    fill(dashboard, 1)
    page.goto(dashboard.url)
    for selector in (".update strong a", ".hub", ".why summary"):
        page.keyboard.press("Tab")
        page.locator(selector).first.focus()
        assert style(page, selector, "outlineStyle") == "solid"
        assert style(page, selector, "outlineOffset") == "-2px"


def test_forced_colours_tell_the_page_the_state_and_the_selected_row(dashboard: Dashboard, browser: Browser) -> None:
    fill(dashboard, 2)
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    page.goto(dashboard.url)
    page.locator(".update > input").first.check()
    for on, off in (
        (".rooms [aria-current]", ".rooms a:not([aria-current])"),
        (".choice [aria-current]", ".choice a:not([aria-current])"),
        (".update:has(> input:checked)", ".update:not(:has(> input:checked))"),
    ):
        assert (style(page, on, "outlineStyle"), style(page, off, "outlineStyle")) == ("solid", "none")
    page.keyboard.press("j")
    assert style(page, ".update.here", "borderLeftWidth") != "0px"
    context.close()


def test_the_selection_bar_has_one_height_and_nothing_covers_it(dashboard: Dashboard, page: Page) -> None:
    fill(dashboard)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(dashboard.url)
        page.locator(".update > input").nth(1).check()
        before = rectangles(page, ".selection")
        page.locator(".update > input").nth(2).check()
        page.get_by_role("button", name=re.compile("^Done ")).first.click()
        expect(page.locator("[data-did]")).to_be_visible()
        page.locator(".update > input").nth(1).check()
        (bar,), (did,), (navigation,) = (rectangles(page, each) for each in (".selection", ".did", ".rooms"))
        assert bar["height"] == before[0]["height"]
        assert did["y"] >= bar["bottom"] or did["bottom"] <= bar["y"]
        assert bar["bottom"] <= navigation["y"] or navigation["bottom"] <= bar["y"]


def test_the_kind_says_why_and_leads_on_without_javascript(dashboard: Dashboard, browser: Browser) -> None:
    notify(dashboard, "redis:7.0.1", "nginx:1.27.0")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(dashboard.url)
    why = page.locator(".update").filter(has_text="nginx").locator(".why")
    why.locator("summary").click()
    expect(why).to_contain_text("No running version is known to compare with.")
    expect(why.get_by_role("link", name="Set running version")).to_have_attribute(
        "href", re.compile("/updates/[0-9]+#")
    )
    why.get_by_role("button", name="Mute").click()
    expect(page.locator(".update")).to_have_count(1)
    context.close()


def test_print_shows_rows_without_what_a_person_presses(dashboard: Dashboard, page: Page) -> None:
    fill(dashboard, 2)
    page.goto(dashboard.url)
    page.emulate_media(media="print")
    expect(page.locator(".update .version").first).to_be_visible()
    for selector in (".top", ".search", ".filters", ".choice", ".actions", ".update > input", ".hub", ".foot"):
        for each in page.locator(selector).all():
            expect(each).to_be_hidden()
