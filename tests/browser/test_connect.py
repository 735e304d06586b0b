"""First contact and tags in a real browser, with JavaScript and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from diundashboard.config import Config
from tests.conftest import PAYLOADS
from tests.dashboard import Dashboard, running

pytestmark = pytest.mark.browser

SECRET = 'it\'s <b>"quoted"</b> $HOME'
TEST = next(path for path in PAYLOADS if path.stem == "15-notif-test").read_bytes()


@pytest.fixture
def protected(config: Config) -> Iterator[Dashboard]:
    """The dashboard with a secret."""
    with running(replace(config, webhook_secret=SECRET)) as served:
        yield served


def notify(dashboard: Dashboard, image: str, hostname: str = "nas") -> None:
    body = json.dumps({"image": image, "hostname": hostname, "digest": f"sha256:{image:0>64}"}).encode()
    assert dashboard.request("POST", "/webhook", body).status == 200


def scripted(page: Page) -> bool:
    """Whether the page runs JavaScript, which is what shows the copy buttons."""
    return page.locator("[data-copy]").first.is_visible()


def test_the_light_turns_green_when_diun_is_heard(protected: Dashboard, page: Page) -> None:
    page.goto(f"{protected.url}/connect")
    light, refused = page.locator("#light"), page.locator("#refused")
    expect(light).to_contain_text("Waiting for the first notification.")
    expect(refused).to_contain_text("Refused in the last 24 hours: none")
    reload = None if scripted(page) else page.reload
    assert protected.request("POST", "/webhook", TEST, Authorization="wrong").status == 401
    if reload:
        reload()
    expect(light).to_contain_text("A request was refused: the Authorization header")
    expect(refused.get_by_role("cell", name="401")).to_be_visible()
    assert protected.request("POST", "/webhook", TEST, Authorization=SECRET).status == 200
    if reload:
        reload()
    expect(light).to_contain_text("DIUN's test arrived from vm.")
    expect(light.locator(".light.on")).to_be_visible()
    expect(light).not_to_contain_text("refused")


def test_the_secret_is_revealed_on_request(protected: Dashboard, page: Page) -> None:
    page.goto(f"{protected.url}/connect")
    snippet = page.locator("#yaml")
    expect(snippet).to_contain_text("••••")
    assert "$HOME" not in page.content()
    page.get_by_role("button", name="Show the secret").click()
    expect(snippet).to_contain_text(f"authorization: {json.dumps(SECRET)}")
    page.get_by_role("link", name="Hide it").click()
    expect(snippet).to_contain_text("••••")


def test_a_hidden_secret_is_copied_without_being_shown(protected: Dashboard, tab: Page) -> None:
    tab.goto(f"{protected.url}/connect")
    tab.get_by_role("button", name="diun.yml: Copy", exact=True).click()
    expect(tab.get_by_role("button", name="diun.yml: copied")).to_be_visible()
    assert json.dumps(SECRET) in tab.evaluate("navigator.clipboard.readText()")
    assert "$HOME" not in tab.content()


def test_a_page_over_plain_http_can_copy_too(protected: Dashboard, tab: Page) -> None:
    tab.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    tab.goto(f"{protected.url}/connect")
    tab.get_by_role("button", name="Environment: Copy", exact=True).click()
    expect(tab.get_by_role("button", name="Environment: copied")).to_be_visible()
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea id=paste></textarea>')")
    tab.locator("#paste").focus()
    tab.keyboard.press("Control+V")
    assert "export DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION=" in tab.locator("#paste").input_value()


def test_a_tag_gets_a_colour_and_a_rule(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "ghcr.io/immich-app/server:v1")
    page.goto(f"{dashboard.url}/tags")
    page.get_by_label("Name of the new tag").fill("photos")
    page.get_by_role("button", name="Create").click()
    page.locator("summary", has_text="change photos").click()
    page.get_by_role("radio", name="violet").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".name .label.hue-10")).to_have_text("photos")
    page.get_by_label("Images that the rule is for").fill("ghcr.io/immich-app/*")
    page.get_by_label("Tag that they get").select_option("photos")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#rules code").first).to_have_text("ghcr.io/immich-app/*")
    page.get_by_role("link", name="1 update with photos").click()
    expect(page.locator(".update .label")).to_have_text("photos")
    page.goto(f"{dashboard.url}/tags")
    page.get_by_label("Delete the rule ghcr.io/immich-app/*").click()
    page.get_by_role("button", name="Delete the rule").click()
    expect(page.locator(".rule")).to_have_count(0)
    page.get_by_label("Delete photos").click()
    page.get_by_role("button", name="Delete photos").click()
    expect(page.get_by_role("heading", name="No tags yet")).to_be_visible()


def drag(page: Page, row: str, target: str) -> None:
    page.locator(".update", has_text=row).locator(".initials").hover()
    page.mouse.down()
    page.locator(".update", has_text=row).locator(".when").hover()
    strip = page.locator(".strip")
    expect(strip).to_be_visible()
    strip.get_by_role("button", name=target, exact=True).hover()
    strip.get_by_role("button", name=target, exact=True).hover()
    expect(strip.locator(".over")).to_have_text(target)
    page.mouse.up()


def test_a_row_is_dragged_onto_a_tag_and_back(dashboard: Dashboard, tab: Page) -> None:
    for image in ("alpha:1", "beta:1"):
        notify(dashboard, image)
    dashboard.request("POST", "/api/v1/tags", b'{"name": "media"}')
    tab.goto(dashboard.url)
    drag(tab, "alpha", "media")
    expect(tab.locator(".update", has_text="alpha").locator(".label")).to_have_text("media")
    expect(tab.locator(".update .label")).to_have_count(1)
    expect(tab.locator(".strip")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".update .label")).to_have_count(0)


def test_a_ticked_row_takes_the_selection_along(dashboard: Dashboard, tab: Page) -> None:
    for image in ("alpha:1", "beta:1", "gamma:1"):
        notify(dashboard, image)
    dashboard.request("POST", "/api/v1/tags", b'{"name": "media"}')
    tab.goto(dashboard.url)
    for name in ("alpha", "gamma"):
        tab.get_by_label(f"Select {name} on nas").check()
    drag(tab, "gamma", "media")
    expect(tab.locator(".update", has_text="media")).to_have_count(2)
    expect(tab.locator(".update", has_text="beta").locator(".label")).to_have_count(0)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".update .label")).to_have_count(0)


def test_a_dragged_row_can_get_a_tag_that_is_new(dashboard: Dashboard, tab: Page) -> None:
    for image in ("alpha:1", "beta:1"):
        notify(dashboard, image)
    tab.goto(dashboard.url)
    tab.get_by_label("Select beta on nas").check()
    drag(tab, "alpha", "another…")
    tab.get_by_label("Name of the tag").fill("fresh")
    tab.get_by_role("dialog").get_by_role("button", name="Create “fresh”").click()
    expect(tab.locator(".update", has_text="alpha").locator(".label")).to_have_text("fresh")
    expect(tab.locator(".update .label")).to_have_count(1)


def test_a_row_that_is_dropped_elsewhere_stays_as_it_is(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "alpha:1")
    dashboard.request("POST", "/api/v1/tags", b'{"name": "media"}')
    tab.goto(dashboard.url)
    tab.locator(".update .initials").hover()
    tab.mouse.down()
    tab.locator(".update .when").hover()
    expect(tab.locator(".strip")).to_be_visible()
    tab.locator(".numbers").hover()
    tab.mouse.up()
    expect(tab.locator(".strip")).to_have_count(0)
    expect(tab.locator(".update .label")).to_have_count(0)


def test_the_first_page_can_be_copied_from_after_it_refreshed(dashboard: Dashboard, tab: Page) -> None:
    tab.clock.install()
    tab.goto(dashboard.url)
    copy = tab.get_by_role("button", name="diun.yml: Copy", exact=True)
    expect(copy).to_be_visible()
    with tab.expect_response(dashboard.url + "/"):
        tab.clock.fast_forward(16_000)
    expect(copy).to_be_visible()
    copy.click()
    expect(tab.get_by_role("button", name="diun.yml: copied")).to_be_visible()
    assert f"{dashboard.url}/webhook" in tab.evaluate("navigator.clipboard.readText()")
