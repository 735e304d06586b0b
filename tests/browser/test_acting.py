"""Acting is instant and safe: rows leave at once, requests go together, and what fails is there again."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.rows import act, names, notify, row, ticks
from tests.dashboard import Dashboard, eventually

pytestmark = pytest.mark.browser


def posts(tab: Page) -> list[Request]:
    """The forms that the page sends from now on."""
    sent: list[Request] = []
    tab.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


@pytest.mark.parametrize("how", ["clicks", "keys"])
def test_what_is_done_quickly_is_sent_and_undone_together(dashboard: Dashboard, tab: Page, how: str) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(25)))
    tab.goto(dashboard.url)
    sent = posts(tab)
    if how == "keys":
        tab.keyboard.press("j")
    tab.evaluate(
        """how => {
            for (let times = 0; times < 20; times++)
                if (how === "clicks") document.querySelector(".update:not(.gone) [formaction$=acknowledge]").click();
                else document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
        }""",
        how,
    )
    expect(tab.locator(".update:not(.gone)")).to_have_count(5, timeout=100)
    expect(tab.locator("#said")).to_contain_text("20 updates done")
    expect(names(tab)).to_have_count(5)
    assert [len(parse_qs(request.post_data or "")["id"]) for request in sent] == [20]
    tab.keyboard.press("u")
    expect(names(tab)).to_have_count(25)


def test_what_could_not_be_saved_is_in_its_place_again_and_can_be_retried(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    tab.context.set_offline(True)
    row(tab, "b").get_by_role("button", name="Done b on nas").click()
    failed = row(tab, "b").locator(".failed")
    expect(failed).to_have_text("Not saved · Retry Can't reach the server. Your change may not be saved.")
    expect(tab.locator("#said")).to_have_text("1 change not saved.")
    expect(row(tab, "b").get_by_role("button", name="Done b on nas")).to_be_visible()
    expect(names(tab)).to_have_text(["c", "b", "a"])
    tab.context.set_offline(False)
    failed.get_by_role("button", name="Retry").click()
    expect(names(tab)).to_have_text(["c", "a"])
    expect(tab.locator("#said")).to_contain_text("b on nas done")


def test_a_refusal_of_the_server_is_said_on_the_row_and_the_page_stays(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    tab.goto(dashboard.url)
    tab.locator("#act [name=view]").evaluate("field => { field.value = '?state=nonsense'; }")
    row(tab, "b").get_by_role("button", name="Done b on nas").click()
    expect(row(tab, "b").locator(".failed")).to_contain_text(re.compile("^Not saved · Retry State must be one of"))
    expect(row(tab, "b").get_by_role("button", name="Done b on nas")).to_be_visible()
    expect(tab.get_by_role("searchbox")).to_be_visible()


def test_what_was_typed_into_a_dialog_stays_until_it_is_saved(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    ticks(tab).check()
    act(tab, re.compile("^note$", re.IGNORECASE))
    dialog = tab.get_by_role("dialog", name="Note")
    dialog.get_by_role("textbox").fill("read this first")
    tab.context.set_offline(True)
    tab.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_have_text("Can't reach the server. Your change may not be saved.")
    expect(dialog.get_by_role("textbox")).to_have_value("read this first")
    tab.context.set_offline(False)
    tab.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    expect(row(tab, "a").locator(".note")).to_have_text("read this first")


def test_an_answer_that_takes_long_is_seen_to_be_waited_for(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    tab.goto(dashboard.url)
    network = tab.context.new_cdp_session(tab)
    slow = {"offline": False, "latency": 1000, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    expect(tab.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    row(tab, "b").get_by_role("button", name="Done b on nas").click()
    expect(tab.get_by_role("main")).to_have_attribute("aria-busy", "true")
    expect(tab.locator("#said")).to_contain_text("b on nas done")
    expect(tab.get_by_role("main")).not_to_have_attribute("aria-busy", "true")


def test_who_leaves_at_once_has_still_done_it(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    tab.route("**/act/acknowledge", lambda route: None)  # Its answer does not come while the page is there.
    with tab.expect_request("**/act/acknowledge"):
        row(tab, "b").get_by_role("button", name="Done b on nas").click()
    row(tab, "c").locator("summary.button").click()
    row(tab, "c").get_by_role("listitem").get_by_role("button", name="Mute").click()
    tab.goto(f"{dashboard.url}/history")
    assert eventually(lambda: dashboard.request("GET", "/api/v1/updates?state=muted").json["total"] == 1)
