"""Selecting, keys and menus."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.rows import names, notify, row, ticks
from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser


def test_boxes_select_the_list_and_each_group_and_show_three_states(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    notify(dashboard, "c:1", hostname="pi")
    tab.goto(f"{dashboard.url}/?group=host")
    every = tab.get_by_label("Select all on this page")
    nas = tab.get_by_label("Select all of nas")
    bar = tab.locator("[data-selected]")
    nas.check()
    expect(bar).to_have_text("2 selected")
    assert every.evaluate("box => box.indeterminate")
    row(tab, "a").get_by_role("checkbox").uncheck()
    assert nas.evaluate("box => box.indeterminate")
    every.check()
    expect(bar).to_have_text("3 selected")
    expect(nas).to_be_checked()
    every.uncheck()
    expect(tab.get_by_role("toolbar")).to_be_hidden()


def test_keys_select_ranges_and_turn_pages(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(52)))
    tab.goto(dashboard.url)
    bar = tab.locator("[data-selected]")
    for key in ("j", "Shift+J", "Shift+J"):
        tab.keyboard.press(key)
    expect(bar).to_have_text("3 selected")
    tab.keyboard.press("x")
    for key in ("j", "j", "Shift+X"):
        tab.keyboard.press(key)
    expect(bar).to_have_text("5 selected")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("toolbar")).to_be_hidden()
    tab.keyboard.press("]")
    expect(tab).to_have_url(re.compile("page=2"))
    tab.keyboard.press("[")
    expect(tab).not_to_have_url(re.compile("page=2"))


def test_the_row_of_the_keyboard_is_found_again_by_going_back(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    for key in ("j", "j", "Enter"):
        tab.keyboard.press(key)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("b")
    tab.go_back()
    expect(tab.locator(".update.here strong").first).to_have_text("b")
    tab.keyboard.press("j")
    expect(row(tab, "a").get_by_role("link", name="a", exact=True).first).to_be_focused()


def test_undo_goes_back_step_by_step_without_a_bar(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    with tab.expect_request("**/act/undo") as asked:
        tab.keyboard.press("u")
    assert "action" not in (asked.value.post_data or "")


def test_the_page_of_an_update_has_the_keys_of_the_list(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(f"{dashboard.url}/updates/1")
    tab.keyboard.press("n")
    expect(tab.get_by_role("textbox", name="Note")).to_be_focused()
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    expect(tab.locator("[data-did]")).to_contain_text("a on nas done")
    tab.keyboard.press("u")
    expect(tab.locator("[data-did]")).to_have_count(0)


def test_escape_and_a_click_elsewhere_close_and_put_the_focus_back(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(f"{dashboard.url}/?q=a")
    search = tab.get_by_role("searchbox")
    tab.keyboard.press("/")
    tab.keyboard.type("b")
    expect(search).to_have_value("b")
    tab.keyboard.press("Escape")
    host = tab.locator("summary", has_text=re.compile("^Host$"))
    host.focus()
    for key in ("Enter", "Tab", "Escape"):
        tab.keyboard.press(key)
    expect(host).to_be_focused()
    expect(host.locator("..")).not_to_have_attribute("open", "")
    more = row(tab, "a").locator("summary.button")
    more.click()
    row(tab, "a").get_by_role("listitem").get_by_text(re.compile("^tag$", re.IGNORECASE)).click()
    expect(tab.get_by_role("dialog")).to_be_visible()
    expect(more.locator("..")).not_to_have_attribute("open", "")
    tab.keyboard.press("Escape")
    expect(more).to_be_focused()
    dashboard.request("POST", "/tags", b"name=web", Content_Type="application/x-www-form-urlencoded")
    tab.goto(f"{dashboard.url}/tags")
    change = tab.locator("summary", has_text=re.compile("change", re.IGNORECASE))
    for close in ("Escape", "a click"):
        change.click()
        expect(change.locator("..")).to_have_attribute("open", "")
        if close == "Escape":
            tab.keyboard.press(close)
        else:
            tab.get_by_role("heading", level=1).click()
        expect(change.locator("..")).not_to_have_attribute("open", "")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 500)])
def test_the_menu_of_the_last_row_stays_in_the_window(dashboard: Dashboard, tab: Page, width: int, height: int) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(8)))
    tab.set_viewport_size({"width": width, "height": height})
    tab.goto(dashboard.url)
    more = row(tab, "app0").locator("summary.button")
    more.evaluate("more => more.scrollIntoView({ block: 'end' })")
    tab.evaluate("scrollBy(0, 70)")
    more.click()
    for item in more.locator("..").get_by_role("listitem").all():
        expect(item).to_be_in_viewport(ratio=1)
        item.get_by_role("button").click(trial=True)


def test_text_can_be_selected_and_rows_are_dragged_by_their_initials(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "alpha:1")
    dashboard.request("POST", "/tags", b"name=web", Content_Type="application/x-www-form-urlencoded")
    tab.goto(dashboard.url)
    where = row(tab, "alpha").locator(".where strong")
    where.dblclick(position={"x": 8, "y": 8})
    assert tab.evaluate("String(getSelection()).trim()") == "nas"
    row(tab, "alpha").locator(".initials").hover()
    tab.mouse.down()
    tab.mouse.move(400, 300, steps=3)
    web = tab.locator(".strip").get_by_role("button", name="web")
    web.hover()
    web.hover()
    tab.mouse.up()
    expect(row(tab, "alpha").locator(".label")).to_have_text("web")
    expect(names(tab)).to_have_text(["alpha"])
    expect(ticks(tab)).not_to_be_checked()
