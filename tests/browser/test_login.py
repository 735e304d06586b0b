"""Login to logout in a real browser, with JavaScript and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from diundashboard.config import AuthMode, Config
from diundashboard.store import open_store
from tests.browser.test_flows import complaints_of_axe
from tests.dashboard import Dashboard, eventually, running

PASSWORD = "correct horse"
WRITING = re.compile("(?i)done|snooze|mute|tag|note|create|rename|forget|acknowledge")


@pytest.fixture
def config(config_of: Callable[[str], Config]) -> Config:
    return replace(config_of("sqlite"), auth_mode=AuthMode.PASSWORD)


@pytest.fixture
def served(config: Config) -> Iterator[Dashboard]:
    with running(config) as dashboard:
        dashboard.request("POST", "/webhook", b'{"image": "nginx:1.27.0", "hostname": "nas"}')
        yield dashboard


def link(dashboard: Dashboard) -> str:
    """The link to the first account, as the start prints it."""
    assert eventually(lambda: "/setup/" in dashboard.log)
    (printed,) = set(re.findall(r"http://\S+/setup/\S+", dashboard.log))
    return str(printed)


def make_account(dashboard: Dashboard, page: Page) -> None:
    page.goto(link(dashboard))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("link", name="nginx", exact=True)).to_be_visible()


@pytest.mark.browser
def test_a_person_is_inside_with_one_click_and_one_form_and_out_with_another(served: Dashboard, page: Page) -> None:
    make_account(served, page)
    page.get_by_role("link", name="admin").click()
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(f"{served.url}/history?q=nginx")
    page.get_by_label("Name").fill("Admin")
    page.get_by_label("Password").fill("wrong horse")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{served.url}/history?q=nginx")


@pytest.mark.browser
@pytest.mark.parametrize("page", [True], ids=["with JavaScript"], indirect=True)
def test_who_is_logged_out_meanwhile_is_told_and_led_to_the_door(served: Dashboard, config: Config, page: Page) -> None:
    make_account(served, page)
    with closing(open_store(config)) as store:
        store.end_sessions(store.accounts()[0].id)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[data-live]")).to_have_text("logged out")
    page.get_by_role("button", name="Done").first.click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="nginx", exact=True)).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("page", [True], ids=["with JavaScript"], indirect=True)
def test_the_doors_keep_nobody_out_who_uses_a_screen_reader(served: Dashboard, page: Page) -> None:
    page.goto(f"{served.url}/login")
    assert complaints_of_axe(page) == []
    make_account(served, page)
    for path in ("/account", "/people"):
        page.goto(f"{served.url}{path}")
        assert complaints_of_axe(page) == []
    page.get_by_text("change").first.click()
    assert complaints_of_axe(page) == []


@pytest.mark.browser
def test_a_reader_sees_no_button_that_changes_anything(served: Dashboard, page: Page) -> None:
    make_account(served, page)
    page.goto(f"{served.url}/people")
    form = page.locator("section.door")
    form.get_by_label("Name").fill("eve")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Add").click()
    page.goto(f"{served.url}/account")
    page.get_by_role("button", name="Log out", exact=True).click()
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="eve")).to_be_visible()
    for path in ("/", "/updates/1", "/hosts", "/tags", "/views"):
        page.goto(f"{served.url}{path}")
        names = [button.inner_text() for button in page.locator("main button:visible").all()]
        assert [name for name in names if WRITING.search(name)] == []
