"""What a person does and sees in a real browser, with JavaScript and without."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from diundashboard.config import Config
from tests.conftest import PAYLOADS
from tests.dashboard import Dashboard, open_to_all, running

pytestmark = pytest.mark.browser

IMAGE = "<img src=x onerror=alert(0)>"
HTML = "<img src=x onerror=alert(1)>\"'</textarea></title><script>alert(2)</script>&amp;"
LONG = "a-repository-with-a-name-that-nobody-would-like-to-type/" * 3 + "and-its-image" * 5
PHONE = 390
VIEWS = ("/", "/?state=acknowledged", "/?state=muted", "/?page=9", "/tags", "/nowhere")
ROOMS = ("/?state=all&group=tag", "/hosts", "/history", "/insights", "/connect", "/views")


def notify(dashboard: Dashboard, image: str, **fields: Any) -> None:
    """Send a notification as DIUN does."""
    body = {"hostname": "nas", "status": "new", "digest": "sha256:" + "a" * 64, "image": image, **fields}
    assert dashboard.request("POST", "/webhook", json.dumps(body).encode()).status == 200


@pytest.fixture
def quick(emptied: Callable[[], Dashboard]) -> Dashboard:
    """An empty dashboard on SQLite, for what does not depend on the database."""
    return emptied()


@pytest.fixture
def filled(quick: Dashboard) -> Dashboard:
    """A dashboard on SQLite that knows the payloads of DIUN and some tags, and of which one update is done."""
    fill(quick)
    return quick


@pytest.fixture(scope="module")
def read_empty(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """An empty dashboard on SQLite, which the tests of this file share: they only read."""
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("empty") / "diun.db")
    with running(open_to_all(Config(db_path=str(path)))) as served:
        yield served


@pytest.fixture(scope="module")
def read_filled(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard as `filled`, which the tests of this file share: they only read."""
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("filled") / "diun.db")
    with running(open_to_all(Config(db_path=str(path)))) as served:
        fill(served)
        yield served


def fill(dashboard: Dashboard) -> None:
    """Send the payloads of DIUN, tag two updates, and mark one as done."""
    sent = [dashboard.request("POST", "/webhook", path.read_bytes()).json["update"] for path in reversed(PAYLOADS)]
    first, second, third, *_ = [update_id for update_id in sent if update_id is not None]
    for action, form in (
        ("/act/tag", f"only={first}&tag=web"),
        ("/act/tag", f"only={second}&tag=media"),
        ("/act/acknowledge", f"id={third}"),
    ):
        headers = {"Content_Type": "application/x-www-form-urlencoded"}
        assert dashboard.request("POST", action, form.encode(), **headers).status == 303


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def rows(page: Page) -> Locator:
    """One button a row that is pending."""
    return page.get_by_role("button", name=re.compile("^Done .* on "))


def state(page: Page, name: str) -> Locator:
    """A link to the updates of another state."""
    return page.get_by_role("navigation", name="State").get_by_role("link", name=re.compile(f"^{name}"))


def labels(page: Page) -> Locator:
    """The tags that rows show."""
    return page.locator(".update .label")


def tag(page: Page, url: str, image: str, name: str) -> None:
    """Tag the last update of an image on its page."""
    page.goto(url)
    page.locator(".update strong a", has_text=image[:20]).last.click()
    page.locator("summary", has_text="Tag").click()
    field = page.locator(".detail input[name=tag]")
    field.fill(name)
    field.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.goto(url)


def test_one_update_is_marked_as_done_and_reopened(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0")
    notify(dashboard, "redis:7")
    page.goto(dashboard.url)
    expect(heading(page)).to_have_text("2 pending")
    page.get_by_role("button", name="Done redis on nas").click()
    expect(heading(page)).to_have_text("1 pending")
    expect(page.get_by_text("redis", exact=True)).to_have_count(0)
    state(page, "Done").click()
    expect(heading(page)).to_have_text("1 done")
    page.get_by_role("button", name="Reopen redis on nas").click()
    expect(heading(page)).to_have_text("Nothing done")
    state(page, "Pending").click()
    expect(heading(page)).to_have_text("2 pending")


def test_all_rows_shown_are_marked_as_done_and_reopened(dashboard: Dashboard, page: Page) -> None:
    for number in range(3):
        notify(dashboard, f"app{number}:1")
    page.goto(dashboard.url)
    page.get_by_role("button", name="Mark all 3 shown done").click()
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    state(page, "Done").click()
    page.get_by_role("button", name="Reopen all 3 shown").click()
    expect(page.get_by_role("heading", name="Nothing done")).to_be_visible()
    page.goto(dashboard.url)
    expect(rows(page)).to_have_count(3)


def test_a_tag_is_created_renamed_and_deleted(dashboard: Dashboard, page: Page) -> None:
    page.goto(dashboard.url)
    page.get_by_role("link", name="Tags").click()
    expect(page.get_by_role("heading", name="No tags yet")).to_be_visible()
    page.get_by_label("Name of the new tag").fill("media")
    page.get_by_role("button", name="Create").click()
    expect(heading(page)).to_have_text("1 tag")
    page.locator("summary", has_text="change media").click()
    page.get_by_label("Name of media").fill("films & series")
    page.get_by_label("Name of media").press("Enter")
    page.locator("summary", has_text="change films & series").click()
    expect(page.get_by_label("Name of films & series")).to_have_value("films & series")
    page.get_by_label("Name of films & series").fill("photos")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Delete photos")).to_be_hidden()
    page.get_by_label("Delete photos").click()
    page.get_by_role("button", name="Delete photos").click()
    expect(page.get_by_role("heading", name="No tags yet")).to_be_visible()


def test_an_update_is_tagged_by_typing_and_its_repository_with_it(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0")
    notify(dashboard, "nginx:1.28.0", hostname="pi")
    page.goto(dashboard.url)
    tag(page, dashboard.url, "nginx", "web")
    expect(labels(page)).to_have_text(["web", "web"])
    tag(page, dashboard.url, "nginx", "")
    expect(rows(page)).to_have_count(2)
    expect(labels(page)).to_have_count(0)
    tag(page, dashboard.url, "nginx", "proxy")
    expect(labels(page)).to_have_text(["proxy", "proxy"])
    page.get_by_role("link", name="Tags").click()
    expect(heading(page)).to_have_text("2 tags")
    expect(page.get_by_text("2 updates")).to_be_visible()


def test_the_theme_is_switched_and_kept(read_empty: Dashboard, page: Page) -> None:
    page.goto(f"{read_empty.url}/tags")
    seen = []
    for theme in ("light", "dark", "auto"):
        page.get_by_role("button", name=f"Change to {theme}").click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        expect(heading(page)).to_have_text("0 tags")
        seen.append(background(page))
        page.goto(f"{read_empty.url}/tags")
        assert background(page) == seen[-1]
    light, dark, auto = seen
    assert brightness(light) > 240
    assert brightness(dark) < 40
    assert auto == light
    page.emulate_media(color_scheme="dark")
    assert background(page) == dark


def background(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def brightness(colour: str) -> float:
    """From 0, black, to 255, white."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_empty_page_tells_diun_the_address_that_the_browser_used(
    read_empty: Dashboard, page: Page, host: str
) -> None:
    page.goto(f"http://{host}:{read_empty.port}")
    expect(page.get_by_role("heading", name="Connect DIUN")).to_be_visible()
    address = f"http://{host}:{read_empty.port}/webhook"
    expect(page.get_by_text(f'endpoint: "{address}"').first).to_be_visible()
    expect(page.get_by_text(f"DIUN_NOTIF_WEBHOOK_ENDPOINT={address}")).to_be_visible()


def test_html_in_any_field_is_text(quick: Dashboard, page: Page) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    fields = dict.fromkeys(("hostname", "digest", "status", "provider", "platform", "mime_type", "diun_version"), HTML)
    metadata = {"ctn_names": HTML, HTML: HTML}
    notify(quick, f"{IMAGE}:{IMAGE}", **fields, hub_link=f"https://example.org/{HTML}", metadata=metadata)
    notify(quick, "nginx:1", hub_link="javascript:alert(3)", hostname=HTML)
    tag(page, quick.url, "nginx", HTML)
    expect(labels(page)).to_have_text([re.compile(re.escape(HTML[:20]))])
    written = "img, textarea:not([name=note]), main script, main title, [onerror]"
    for path in ("/?state=all", "/tags", "/hosts", "/history", "/"):
        page.goto(quick.url + path)
        assert page.locator(written).count() == 0, path
    for text in (IMAGE, HTML[:40]):  # What is longer is cut in a list.
        expect(page.locator("#act").get_by_text(text).first).to_be_visible()
    assert page.locator("a[href^='javascript']").count() == 0
    for number in range(2):
        page.goto(quick.url)
        page.locator(".update strong a").nth(number).click()
        expect(page.locator(".detail")).to_contain_text(HTML)
        assert page.locator(written).count() == 0
        assert page.locator("a[href^='javascript']").count() == 0
    assert dialogs == []


def test_a_hundred_and_twenty_updates_are_three_pages(quick: Dashboard, page: Page) -> None:
    for number in range(120):
        notify(quick, f"app{number}:1")
    page.goto(quick.url)
    for count in (50, 50, 20):
        expect(heading(page)).to_have_text("120 pending")
        expect(rows(page)).to_have_count(count)
        older = page.get_by_role("link", name="Next")
        if count == 50:
            older.click()
            expect(page.get_by_role("link", name="Previous")).to_be_visible()
    expect(older).to_have_count(0)
    page.get_by_role("button", name="Mark all 20 shown done").click()
    expect(heading(page)).to_have_text("100 pending")
    state(page, "Pending").click()
    expect(rows(page)).to_have_count(50)


def test_no_page_asks_another_origin_or_breaks_its_own_policy(filled: Dashboard, page: Page) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in VIEWS:
        page.goto(filled.url + path)
    page.goto(filled.url)
    page.get_by_role("button", name="Mark all").click()
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    assert len(asked) > len(VIEWS)
    assert [url for url in asked if not url.startswith(f"{filled.url}/")] == []
    refused = "Failed to load resource: the server responded with a status of 40"
    assert [complaint for complaint in complaints if not complaint.startswith(refused)] == []


def test_the_icons_are_drawn(read_empty: Dashboard, page: Page) -> None:
    """They come from a file of their own, which the policy has to let in."""
    page.goto(read_empty.url, wait_until="networkidle")
    drawn = page.get_by_role("button", name="Theme").locator("svg use").evaluate("use => use.getBBox().width")
    assert drawn > 5


def test_nothing_scrolls_sideways_on_a_phone(filled: Dashboard, page: Page) -> None:
    long = {"hostname": LONG, "metadata": {"ctn_names": f"{LONG},{LONG}"}, "hub_link": "https://example.org"}
    notify(filled, f"registry.example.org:5000/{LONG}:{'1.2.3-' * 15}", **long)
    page.set_viewport_size({"width": PHONE, "height": 844})
    tag(page, filled.url, "and-its-image" * 5, "x" * 100)
    page.locator(".update strong a", has_text="and-its-image").click()
    expect(page.locator(".detail")).to_be_visible()
    for path in (*VIEWS, *ROOMS, page.url.removeprefix(filled.url)):
        page.goto(filled.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, path
    page.goto(f"{filled.url}/tags")
    for more in page.locator("summary").all():
        more.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        box = page.locator("details[open] form").bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE
        more.click()


def test_nothing_scrolls_sideways_on_an_empty_page_of_a_phone(read_empty: Dashboard, page: Page) -> None:
    page.set_viewport_size({"width": PHONE, "height": 844})
    for path in (*VIEWS, *ROOMS):
        page.goto(read_empty.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, path


def test_what_one_taps_on_a_phone_is_as_large_as_a_thumb(read_filled: Dashboard, page: Page) -> None:
    page.set_viewport_size({"width": PHONE, "height": 844})
    for path in ("/", "/tags", "/history"):
        page.goto(read_filled.url + path)
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, input, summary, nav a, header a, .actions a")]
                .filter(control => control.checkVisibility({ visibilityProperty: true }) && control.type !== "hidden")
                .filter(control => {
                    const { height, width } = control.getBoundingClientRect();
                    if (control.matches("[type=search], input:not([type])") && width < 120) return true;
                    const around = parseFloat(getComputedStyle(control, "::before").height);
                    return (control.type === "checkbox" ? around : height) < 44;
                })
                .map(control => control.outerHTML)"""
        )
        assert small == [], path


CONTROLS = "a[href], button, select, input:not([type=hidden]), summary"
REACHABLE = """controls => controls.flatMap(
    (control, number) => control.checkVisibility({ visibilityProperty: true }) ? [number] : []
)"""
FOCUSED = """() => {
    const control = document.activeElement;
    const style = getComputedStyle(control);
    const box = control.getBoundingClientRect();
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const there = box.width > 0 && box.right > 0 && style.visibility === "visible" && style.opacity === "1";
    return [[...document.querySelectorAll(SELECTOR)].indexOf(control), outlined && there, control.outerHTML];
}""".replace("SELECTOR", json.dumps(CONTROLS))


def test_tab_reaches_every_control_and_shows_where_one_is(read_filled: Dashboard, page: Page) -> None:
    for path in ("/", "/?state=acknowledged", "/tags", "/nowhere"):
        page.goto(read_filled.url + path)
        reachable = page.locator(CONTROLS).evaluate_all(REACHABLE)
        reached = []
        for _ in reachable:
            page.keyboard.press("Tab")
            number, shown, control = page.evaluate(FOCUSED)
            assert shown, control
            reached.append(number)
        assert reached == reachable, path


def test_a_keyboard_is_enough_to_work_an_update_off(quick: Dashboard, page: Page) -> None:
    notify(quick, "nginx:1")
    page.goto(quick.url)
    page.get_by_role("link", name="nginx", exact=True).focus()
    page.keyboard.press("Enter")
    page.locator("summary", has_text="Tag").focus()
    page.keyboard.press("Enter")
    if not page.locator("input[name=tag]:focus").count():  # A script puts the focus there.
        page.keyboard.press("Tab")
    for key in ("w", "e", "b", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".detail header .label")).to_have_text("web")
    page.goto(quick.url)
    page.get_by_role("link", name="nginx", exact=True).focus()
    for _ in ("kind", "done"):
        page.keyboard.press("Tab")
    expect(rows(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()


def test_the_first_tab_leads_to_the_content(read_filled: Dashboard, page: Page) -> None:
    page.goto(read_filled.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{read_filled.url}/#main")


def test_an_error_leads_back(quick: Dashboard, page: Page) -> None:
    page.goto(f"{quick.url}/tags")
    for _ in range(2):
        page.get_by_label("Name of the new tag").fill("media")
        page.get_by_role("button", name="Create").click()
    expect(heading(page)).to_have_text("Already exists")
    page.get_by_role("link", name="Back").click()
    expect(heading(page)).to_have_text("1 tag")


def test_times_are_the_viewers_where_there_is_javascript(quick: Dashboard, browser: Browser) -> None:
    notify(quick, "nginx:1", created="2026-07-01T10:00:00Z")
    context = browser.new_context(timezone_id="America/New_York", locale="en-US")
    page = context.new_page()
    page.goto(quick.url)
    expect(page.locator(".version time")).to_have_attribute("title", re.compile("July 1, 2026 at 6:00:00"))
    context.close()


AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()


def complaints_of_axe(page: Page) -> list[Any]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run({rules: {'target-size': {enabled: true}}}).then(found => found.violations)")
    return [(rule["help"], [node["html"] for node in rule["nodes"]]) for rule in found]


@pytest.fixture(params=["light", "dark"])
def tinted(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab that prefers light or dark, and moves nothing."""
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_axe_finds_nothing(filled: Dashboard, tinted: Page) -> None:
    """axe-core is what browsers' own accessibility audits run."""
    notify(filled, "nginx:1.27.0")
    notify(filled, "nginx:1.28.0", metadata={"ctn_names": "web", "pod_status": "running " * 60})
    noted = filled.request("POST", "/webhook", json.dumps({"hostname": "nas", "image": "nginx:1.29.0"}).encode())
    path = f"/updates/{noted.json['update']}"
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for act, fields in (
        ("note", f"only={noted.json['update']}&note=read+first"),
        ("views", "name=mine&query=%3Fq%3Dx"),
    ):
        filled.request("POST", "/views" if act == "views" else f"/act/{act}", fields.encode(), **form)
    wide, phone = (1440, (*VIEWS, *ROOMS, path)), (PHONE, ("/", "/tags", "/hosts", path))
    for width, path in [(width, path) for width, paths in (wide, phone) for path in paths]:
        tinted.set_viewport_size({"width": width, "height": 900})
        tinted.goto(filled.url + path)
        for more in tinted.locator("main :is(summary, [popovertarget])").locator("visible=true").all()[:1]:
            more.click()
        assert complaints_of_axe(tinted) == [], (path, width)


def test_axe_finds_nothing_while_one_works(filled: Dashboard, tinted: Page) -> None:
    tinted.goto(filled.url)
    for verb in ("snooze", "tag", "note"):
        tinted.locator(".update > input").first.check()
        tinted.locator(".selection").get_by_role("button", name=verb).click()
        expect(tinted.get_by_role("dialog")).to_be_visible()
        assert complaints_of_axe(tinted) == [], verb
        tinted.keyboard.press("Escape")
    assert complaints_of_axe(tinted) == [], "selection"
    rows(tinted).first.click()
    expect(tinted.get_by_role("button", name="Undo")).to_be_visible()
    assert complaints_of_axe(tinted) == [], "undo"
    tinted.keyboard.press("?")
    assert complaints_of_axe(tinted) == [], "keys"
    tinted.keyboard.press("Escape")
    tinted.locator(".update > input").first.check()
    tinted.get_by_role("button", name="Show commands").click()
    expect(heading(tinted)).to_have_text("Commands")
    assert complaints_of_axe(tinted) == [], "commands"


def test_axe_finds_nothing_on_pages_that_ask(read_filled: Dashboard, tinted: Page) -> None:
    """What stands in place of the dialogs without JavaScript."""
    for verb in ("snooze", "tag", "note"):
        tinted.goto(f"{read_filled.url}/tags")
        tinted.evaluate(
            """action => {
                const form = document.createElement("form");
                Object.assign(form, { method: "post", action, innerHTML: '<input name="only" value="1">' });
                document.body.append(form);
                form.submit();
            }""",
            f"/act/{verb}",
        )
        tinted.wait_for_url(f"**/act/{verb}")
        expect(tinted.get_by_role("link", name="Cancel")).to_be_visible()
        assert complaints_of_axe(tinted) == [], verb


def test_axe_finds_nothing_on_empty_pages(read_empty: Dashboard, tinted: Page) -> None:
    for path in (*VIEWS, *ROOMS):
        tinted.goto(read_empty.url + path)
        assert complaints_of_axe(tinted) == [], path
