"""Working updates off in a real browser, on SQLite: the stores are held to one contract elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.rows import FORM, act, names, notify, refresh, row, scripted, state, ticks, undo
from tests.dashboard import Dashboard

SAVE_TAG = re.compile("^(Save|Create “.+”)$")

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("config", ["sqlite"], indirect=True)]


def test_one_row_is_marked_as_done_and_undone(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    page.goto(dashboard.url)
    page.get_by_role("button", name="Done redis on nas").click()
    expect(names(page)).to_have_text(["nginx"])
    undo(page, "redis on nas done")
    expect(names(page)).to_have_text(["redis", "nginx"])
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_several_rows_are_marked_as_done_together_and_undone(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    page.goto(dashboard.url)
    expect(page.get_by_role("toolbar")).to_be_hidden()
    for name in ("a", "c"):
        page.get_by_label(f"Select {name} on nas").check()
    act(page, "Done")
    expect(names(page)).to_have_text(["b"])
    undo(page, "2 updates done")
    expect(names(page)).to_have_text(["c", "b", "a"])


def test_all_rows_that_match_are_marked_as_done_beyond_this_page(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(55)), "other:1")
    page.goto(f"{dashboard.url}/?q=app")
    expect(ticks(page)).to_have_count(50)
    ticks(page).first.check()
    page.get_by_label("Select all 55", exact=True).check()
    act(page, "Done")
    expect(page.get_by_role("heading", name="No pending updates match.")).to_be_visible()
    undo(page, "55 updates done")
    expect(page.get_by_role("heading", level=1)).to_have_text("55 pending with “app”")


def test_the_last_page_worked_off_leads_to_the_one_before(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(51)))
    page.goto(dashboard.url)
    page.get_by_role("link", name="Next").click()
    page.get_by_role("button", name="Done app0 on nas").click()
    expect(ticks(page)).to_have_count(50)
    expect(page.locator("[data-did]")).to_contain_text("app0 on nas done")


def test_shift_ticks_a_range(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1", "d:1", "e:1")
    tab.goto(dashboard.url)
    ticks(tab).nth(1).click()
    ticks(tab).nth(3).click(modifiers=["Shift"])
    expect(tab.locator(".update > input:checked")).to_have_count(3)
    expect(tab.get_by_role("toolbar")).to_contain_text("3 selected")
    tab.get_by_role("button", name="Clear").click()
    expect(tab.get_by_role("toolbar")).to_be_hidden()


def test_one_is_snoozed_until_the_next_version(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    page.goto(dashboard.url)
    page.get_by_role("button", name="Snooze nginx on nas").click()
    page.get_by_role("button", name="Until the next version").click()
    expect(names(page)).to_have_text(["redis"])
    state(page, "Snoozed")
    expect(row(page, "nginx")).to_contain_text("until the next version")
    notify(dashboard, "nginx:1.28.0")
    state(page, "Pending")
    expect(names(page)).to_have_text(["nginx", "redis"])


def test_a_snooze_ends_on_the_day_that_is_chosen(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0")
    page.goto(dashboard.url)
    page.get_by_role("button", name="Snooze nginx on nas").click()
    page.get_by_label("Until", exact=True).locator("visible=true").fill("2999-12-24")
    page.get_by_role("button", name="Snooze", exact=True).locator("visible=true").click()
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    state(page, "Snoozed")
    expect(row(page, "nginx").locator(".note time")).to_have_attribute("datetime", re.compile("^2999-12-24"))
    page.get_by_role("button", name="Unsnooze nginx on nas").click()
    undo(page, "nginx on nas unsnoozed")
    expect(row(page, "nginx")).to_be_visible()


def test_one_is_muted_and_unmuted(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    page.goto(dashboard.url)
    page.get_by_label("Select nginx on nas").check()
    act(page, "Mute")
    expect(names(page)).to_have_text(["redis"])
    notify(dashboard, "nginx:1.28.0")
    page.reload()
    expect(names(page)).to_have_text(["redis"])
    state(page, "Muted")
    page.get_by_role("button", name="Unmute nginx on nas").click()
    expect(page.get_by_role("heading", name="Nothing muted")).to_be_visible()
    state(page, "Pending")
    expect(names(page)).to_have_text(["nginx", "redis"])


def test_a_note_is_shown_in_the_row(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0")
    page.goto(dashboard.url)
    page.get_by_label("Select nginx on nas").check()
    act(page, "Note")
    page.get_by_role("textbox", name="Note").fill("read the release notes")
    page.get_by_role("button", name="Save").locator("visible=true").click()
    expect(row(page, "nginx")).to_contain_text("read the release notes")
    undo(page, "Note saved for nginx on nas")
    expect(row(page, "nginx")).not_to_contain_text("read")


def test_a_note_is_gone_on_with(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    page.goto(dashboard.url)
    for name, before, text in (("nginx", "", "wait"), ("redis", "", "also"), ("nginx", "wait", "wait a bit")):
        page.get_by_label(f"Select {name} on nas").check()
        act(page, "Note")
        field = page.get_by_role("textbox", name="Note")
        expect(field).to_have_value(before)
        field.fill(text)
        page.get_by_role("button", name="Save").locator("visible=true").click()
        expect(row(page, name).locator(".note")).to_have_text(text)
        expect(page.get_by_role("toolbar")).to_be_hidden()


def test_a_question_can_be_left_unanswered(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "nginx:1.27.0")
    tab.goto(dashboard.url)
    ticks(tab).check()
    for verb in ("Snooze", "Tag", "Note"):
        act(tab, verb)
        tab.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(tab.get_by_role("dialog")).to_be_hidden()
    tab.reload()
    expect(names(tab)).to_have_text(["nginx"])
    expect(tab.locator(".note, .label")).to_have_count(0)


def test_what_is_rarer_is_in_the_menu_of_a_row(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7", provider="docker", metadata={"ctn_names": "web"})
    page.goto(dashboard.url)

    def choose(what: str) -> None:
        row(page, "nginx").get_by_label("More for").click()
        row(page, "nginx").get_by_role("listitem").get_by_text(what, exact=True).click()

    choose("Note")
    page.get_by_role("textbox", name="Note").fill("read first")
    page.get_by_role("button", name="Save").locator("visible=true").click()
    expect(row(page, "nginx").locator(".note")).to_have_text("read first")
    choose("Tag")
    page.get_by_label("Name of the tag").locator("visible=true").fill("web")
    page.get_by_role("button", name=SAVE_TAG).locator("visible=true").click()
    expect(row(page, "nginx").locator(".label")).to_have_text("web")
    choose("Show commands")
    expect(page.locator("pre")).to_contain_text("nginx:1.27.0")
    page.get_by_role("link", name="Back to updates").click()
    choose("Mute")
    expect(names(page)).to_have_text(["redis"])


def test_a_group_is_marked_as_done_together(dashboard: Dashboard, page: Page) -> None:
    for host, images in (("nas", ("a:1", "b:1")), ("vps", ("c:1", "d:1")), ("pi", ("e:1",))):
        notify(dashboard, *images, hostname=host)
    page.goto(f"{dashboard.url}/?group=host")
    expect(page.get_by_role("button", name=re.compile("^Mark all . of"))).to_have_count(2)
    page.get_by_role("button", name="Mark all 2 of nas done").click()
    expect(names(page)).to_have_text(["e", "d", "c"])
    undo(page, "2 updates done")
    expect(names(page)).to_have_count(5)


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_a_selection_moves_no_row(dashboard: Dashboard, page: Page, width: int) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(dashboard.url)
    before = [each.bounding_box() for each in ticks(page).all()]
    ticks(page).first.check()
    expect(page.get_by_role("toolbar")).to_be_visible()
    assert [each.bounding_box() for each in ticks(page).all()] == before


def test_filters_are_one_button_on_a_phone(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "a:1")
    notify(dashboard, "b:1", hostname="vps")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(dashboard.url)
    host = page.locator("summary", has_text=re.compile("^Host$"))
    expect(host).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    host.click()
    page.get_by_role("checkbox", name=re.compile("^vps")).check()
    page.get_by_role("button", name="Apply").locator("visible=true").click()
    expect(names(page)).to_have_text(["b"])
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_role("button", name="Filters")).to_be_hidden()
    expect(page.locator("summary", has_text="Host · 1")).to_be_visible()


def test_a_selection_is_tagged(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "jellyfin:10", "sonarr:4", "nginx:1")
    page.goto(dashboard.url)
    for name in ("jellyfin", "sonarr"):
        page.get_by_label(f"Select {name} on nas").check()
    act(page, "Tag")
    page.get_by_label("Name of the tag").locator("visible=true").fill("media")
    page.get_by_role("button", name=SAVE_TAG).locator("visible=true").click()
    for name in ("jellyfin", "sonarr"):
        expect(row(page, name).locator(".label")).to_have_text("media")
    expect(row(page, "nginx").locator(".label")).to_have_count(0)
    undo(page, "2 updates tagged media")
    expect(page.locator(".update .label")).to_have_count(0)


def test_older_versions_are_unfolded(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "nginx:1.28.0", "nginx:1.29.0")
    page.goto(dashboard.url)
    expect(names(page)).to_have_count(1)
    page.get_by_role("link", name="+2 older").click()
    for version in ("1.28.0", "1.27.0"):
        expect(page.locator(".update .version code, .series code").get_by_text(version).last).to_be_visible()


def test_the_commands_of_a_selection_are_one_script(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", provider="docker", metadata={"ctn_names": "web"})
    notify(dashboard, "redis:7", provider="docker", metadata={"ctn_names": "cache"})
    page.goto(dashboard.url)
    for each in ticks(page).all():
        each.check()
    act(page, "Show commands")
    expect(page.locator("pre")).to_contain_text(re.compile("nginx:1.27.0[^$]*redis:7|redis:7[^$]*nginx:1.27.0"))
    page.get_by_role("link", name="Back to updates").click()
    expect(names(page)).to_have_count(2)


def test_updates_are_found_by_searching_and_by_clicking(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    notify(dashboard, "nginx:1.27.0", hostname="pi")
    page.goto(dashboard.url)
    search = page.get_by_role("searchbox")
    search.fill("nginx")
    search.press("Enter")
    expect(names(page)).to_have_text(["nginx", "nginx"])
    page.locator("summary", has_text="Host").click()
    page.get_by_role("checkbox", name="pi 1").check()
    page.get_by_role("button", name="Apply").locator("visible=true").click()
    expect(page.locator(".update .where strong")).to_have_text(["pi"])
    expect(search).to_have_value("nginx")
    page.get_by_role("link", name=re.compile("^Host pi")).click()
    expect(names(page)).to_have_count(2)
    search.fill("nothing like it")
    search.press("Enter")
    page.get_by_role("link", name="Clear filters").first.click()
    expect(names(page)).to_have_count(3)
    page.locator("summary", has_text="Group").click()
    page.locator(".menu").get_by_role("link", name="Host", exact=True).click()
    expect(page.locator(".group h2")).to_have_text([re.compile("nas"), re.compile("pi")])


def test_a_view_is_saved_and_made_the_start_page(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "nginx:1.27.0", "redis:7")
    page.goto(f"{dashboard.url}/?q=redis")
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Name of this view").fill("caches")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="caches")).to_have_attribute("aria-current", "true")
    page.goto(f"{dashboard.url}/views")
    page.get_by_role("button", name="Use as start page").click()
    page.goto(dashboard.url)
    expect(names(page)).to_have_text(["redis"])
    page.get_by_role("searchbox").fill("")
    page.get_by_role("searchbox").press("Enter")
    expect(names(page)).to_have_text(["redis", "nginx"])


def test_a_keyboard_is_enough(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1.0.0", "a:1.1.0", "b:1", "c:1", "d:1")
    tab.goto(dashboard.url)
    press = tab.keyboard.press
    for key in ("j", "j", "x", "k", "x"):
        press(key)
    expect(tab.get_by_role("toolbar")).to_contain_text("2 selected")
    press("a")
    expect(names(tab)).to_have_text(["b", "a"])
    press("u")
    expect(names(tab)).to_have_text(["d", "c", "b", "a"])
    for key in ("k", "k", "j", "j", "j", "o"):
        press(key)
    expect(tab.locator(".below .update")).to_have_count(1)
    press("s")
    expect(tab.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    press("n")
    tab.keyboard.type("jkxa?")
    press("Tab")
    press("Enter")
    expect(row(tab, "a").locator(".note")).to_have_text("jkxa?")
    expect(ticks(tab)).to_have_count(4)
    expect(tab.locator(".update > input:checked")).to_have_count(0)
    press("m")
    expect(names(tab)).to_have_text(["d", "c", "b"])
    press("?")
    expect(tab.get_by_role("dialog", name="Keys")).to_be_visible()
    press("a")
    press("Escape")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    expect(names(tab)).to_have_count(3)
    press("g")
    press("h")
    expect(tab).to_have_url(f"{dashboard.url}/hosts")


def test_nothing_fires_while_typing(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "jackpot:1")
    tab.goto(dashboard.url)
    tab.keyboard.press("j")
    tab.keyboard.press("/")
    tab.keyboard.type("jackpot? gh")
    expect(tab.get_by_role("searchbox")).to_have_value("jackpot? gh")
    expect(names(tab)).to_have_text(["jackpot"])
    expect(tab.locator("dialog[open]")).to_have_count(0)
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    expect(tab.get_by_role("heading", name="All done")).to_be_visible()


def test_what_comes_is_shown_without_a_reload_and_disturbs_nothing(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1.0.0", "a:1.1.0", "b:1")
    tab.goto(dashboard.url)
    expect(tab).to_have_title("(2) Updates · DIUN Dashboard")
    icon = tab.locator("link[rel=icon]").get_attribute("href")
    tab.evaluate("window.stays = true")
    tab.get_by_role("link", name="+1 older").click()
    expect(tab.locator(".below .update")).to_have_count(1)
    tab.get_by_label("Select a on nas").check()
    tab.get_by_role("button", name="Snooze b on nas").focus()
    for image, shown in (("c:1", ["c", "b", "a"]), ("d:1", ["d", "c", "b", "a"])):
        notify(dashboard, image)
        refresh(tab)
        tab.get_by_role("button", name="Show", exact=True).evaluate("button => button.click()")
        expect(names(tab)).to_have_text(shown)
        tab.get_by_role("button", name="Snooze b on nas").focus()
        expect(tab.get_by_label("Select a on nas")).to_be_checked()
        expect(tab.locator(".update > input:checked")).to_have_count(1)
        expect(tab.get_by_role("toolbar")).to_contain_text("1 selected")
        expect(tab.get_by_role("button", name="Snooze b on nas")).to_be_focused()
        expect(row(tab, "a").locator(".below .update")).to_have_count(1)
        expect(tab.locator(".update.fresh")).to_have_count(1)
    expect(tab).to_have_title("(4) Updates · DIUN Dashboard")
    assert tab.locator("link[rel=icon]").get_attribute("href") != icon
    assert tab.evaluate("window.stays")


def test_a_refresh_keeps_what_one_is_about_to_do(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(52)), "done:1")
    tab.goto(dashboard.url)
    tab.get_by_role("button", name="Done done on nas").click()
    expect(tab.get_by_role("button", name="Undo")).to_be_visible()
    ticks(tab).first.check()
    tab.get_by_label("Select all 52", exact=True).check()
    expect(tab.get_by_role("toolbar")).to_contain_text("All 52 selected")
    tab.get_by_role("toolbar").get_by_role("button", name="tag").focus()
    tab.locator("summary", has_text="More").evaluate("summary => { summary.parentElement.open = true; }")
    notify(dashboard, "new:1")
    refresh(tab)
    expect(tab.locator("#arrivals")).to_have_text("1 new · Show")
    expect(tab.get_by_label("Select all 53", exact=True)).to_be_checked()
    expect(tab.get_by_role("toolbar").get_by_role("button", name="tag")).to_be_focused()
    expect(tab.locator("summary", has_text="More").locator("..")).to_have_attribute("open", "")
    expect(tab.get_by_role("button", name="Undo")).to_be_visible()


def test_what_is_typed_and_not_yet_sent_outlives_a_refresh(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(f"{dashboard.url}/?q=a")
    search = tab.get_by_role("searchbox")
    search.fill("a half typed")
    search.blur()
    notify(dashboard, "alpha:1")
    refresh(tab)
    expect(names(tab)).to_have_text(["alpha", "a"])
    expect(search).to_have_value("a half typed")
    tab.reload()
    expect(search).to_have_value("a")


def test_a_note_is_written_by_keys_alone(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    tab.keyboard.press("j")
    tab.keyboard.press("n")
    tab.keyboard.type("wait")
    tab.keyboard.press("Control+Enter")
    expect(row(tab, "a").locator(".note")).to_have_text("wait")


def test_snoozed_rows_are_unsnoozed_together(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    for number in (1, 2):
        body = f"id={number}&until=next".encode()
        assert dashboard.request("POST", "/act/snooze", body, **FORM).status == 303
    page.goto(f"{dashboard.url}/?state=snoozed")
    for tick in ticks(page).all():
        tick.check()
    page.get_by_role("toolbar").get_by_role("button", name="Unsnooze").click()
    undo(page, "2 updates unsnoozed")
    expect(names(page)).to_have_text(["b", "a"])


def test_ages_are_told_alike_with_javascript_and_without(dashboard: Dashboard, page: Page) -> None:
    ages = {"2 y": 800, "700 d": 700, "yesterday": 1}
    for days in ages.values():
        published = datetime.now(UTC) - timedelta(days=days, hours=1)
        notify(dashboard, f"app{days}:1", created=published.isoformat())
    page.goto(dashboard.url)
    for words, days in ages.items():
        expect(row(page, f"app{days}").locator(".published time")).to_have_text(words)


def test_rows_that_are_not_folded_keep_their_own_ticks(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1.0.0", "a:1.1.0")
    tab.goto(f"{dashboard.url}/?fold=no")
    ticks(tab).first.check()
    notify(dashboard, "a:1.2.0")
    refresh(tab)
    tab.get_by_role("button", name="Show", exact=True).click()
    expect(ticks(tab)).to_have_count(3)
    expect(tab.locator(".update > input:checked")).to_have_count(1)
    expect(ticks(tab).nth(1)).to_be_checked()


def test_a_question_is_left_alone_by_what_arrives(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    row(tab, "a").get_by_role("button", name="Snooze").click()
    notify(dashboard, "b:1")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(tab.get_by_role("dialog")).to_be_visible()
    assert asked == []
    tab.keyboard.press("Escape")
    refresh(tab)
    expect(tab.locator("#arrivals")).to_have_text("1 new · Show")
    expect(names(tab)).to_have_text(["a"])


def test_the_filters_of_a_phone_stay_open_while_rows_arrive(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(dashboard.url)
    tab.get_by_role("button", name="Filters").click()
    host = tab.locator("#filters summary", has_text=re.compile("^Host$"))
    host.click()
    notify(dashboard, "b:1", hostname="vps")
    refresh(tab)
    expect(names(tab)).to_have_text(["b", "a"])
    expect(tab.locator("#filters").get_by_role("checkbox", name=re.compile("^vps"))).to_be_visible()


def test_a_page_that_has_not_changed_is_not_sent_again_and_a_hidden_tab_does_not_ask(
    dashboard: Dashboard, tab: Page
) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    answers: list[int] = []
    tab.on("response", lambda response: answers.append(response.status) if scripted(response) else None)
    refresh(tab)
    assert answers == [304]
    notify(dashboard, "b:1")
    refresh(tab)
    refresh(tab)
    assert answers == [304, 200, 304]
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"
    tab.evaluate(hide % "true")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.evaluate("fetch('/healthz')")
    assert answers == [304, 200, 304, 200]
    tab.evaluate(hide % "false")
    refresh(tab)
    assert answers == [304, 200, 304, 200, 304]


def test_a_dashboard_that_does_not_answer_is_said_to(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    live = tab.locator("[data-live]")
    expect(live).to_have_text("live")
    tab.context.set_offline(True)
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(live).to_have_text("no connection")
    tab.context.set_offline(False)
    refresh(tab)
    expect(live).to_have_text("live")


def test_a_double_click_keeps_the_way_back(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    tab.goto(dashboard.url)
    tab.get_by_role("button", name="Done a on nas").dblclick()
    expect(names(tab)).to_have_text(["b"])
    tab.get_by_role("button", name="Undo").dblclick()
    expect(names(tab)).to_have_text(["b", "a"])
    expect(tab.get_by_role("heading", level=1)).to_have_text("2 pending")


def test_what_could_not_be_done_is_said(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "a:2")
    tab.goto(dashboard.url)
    tab.context.set_offline(True)
    tab.get_by_role("button", name="Done a on nas").click()
    said = tab.locator("#said[role=status]")
    expect(said).to_have_text("1 change not saved.")
    expect(row(tab, "a").locator(".failed")).to_have_text(
        "Not saved · Retry Can't reach the server. Your change may not be saved."
    )
    tab.get_by_role("link", name="+1 older").click()
    expect(said).to_have_text("Can't reach the server to load the older versions.")
    expect(tab.locator("[data-live]")).to_have_text("no connection")
    tab.context.set_offline(False)
    tab.get_by_role("button", name="Retry").click()
    expect(tab.get_by_role("button", name="Undo")).to_be_visible()
    expect(names(tab)).to_have_count(0)


def test_escape_closes_a_menu_and_a_refresh_keeps_what_is_typed_in_one(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.goto(dashboard.url)
    tab.locator("summary", has_text="Views").click()
    tab.get_by_label("Name of this view").fill("mine")
    notify(dashboard, "b:1")
    refresh(tab)
    expect(names(tab)).to_have_count(2)
    expect(tab.get_by_label("Name of this view")).to_have_value("mine")
    tab.keyboard.press("Escape")
    expect(tab.get_by_label("Name of this view")).to_be_hidden()


def test_the_keyboard_goes_on_where_the_selection_was(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1", "d:1", "e:1")
    tab.goto(dashboard.url)
    for key in ("j", "j", "x", "j", "x", "a"):
        tab.keyboard.press(key)
    expect(names(tab)).to_have_text(["e", "b", "a"])
    tab.keyboard.press("a")
    expect(names(tab)).to_have_text(["e", "a"])


def test_the_navigation_counts_along(dashboard: Dashboard, page: Page) -> None:
    notify(dashboard, "a:1", "b:1")
    page.goto(dashboard.url)
    rooms = page.get_by_role("navigation", name="Pages")
    expect(rooms).to_contain_text("Updates 2")
    row(page, "a").get_by_role("button", name=re.compile("^Done ")).click()
    expect(names(page)).to_have_text(["b"])
    expect(rooms).to_contain_text("Updates 1")


def test_a_snooze_begins_tomorrow_at_the_earliest(dashboard: Dashboard, browser: Browser) -> None:
    notify(dashboard, "a:1")
    context = browser.new_context(timezone_id="Pacific/Kiritimati")
    page = context.new_page()
    page.clock.set_fixed_time(datetime(2026, 11, 21, 10, 30, tzinfo=UTC))
    page.goto(dashboard.url)
    row(page, "a").get_by_role("button", name="Snooze").click()
    expect(page.get_by_label("Until", exact=True)).to_have_attribute("min", "2026-11-23")
    context.close()


def test_all_that_match_are_seen_to_be_chosen(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(51)))
    tab.goto(dashboard.url)
    ticks(tab).first.check()
    plain = "rgba(0, 0, 0, 0)"
    expect(tab.locator(".update").nth(20)).to_have_css("background-color", plain)
    tab.get_by_label("Select all 51", exact=True).check()
    expect(tab.locator(".update").nth(20)).not_to_have_css("background-color", plain)


def test_who_works_fast_loses_nothing(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(6)))
    tab.goto(dashboard.url)
    tab.evaluate(
        """for (const name of ["app1", "app3"])
             document.querySelector(`[aria-label="Done ${name} on nas"]`).click()"""
    )
    expect(names(tab)).to_have_text(["app5", "app4", "app2", "app0"])
    tab.keyboard.press("j")
    tab.evaluate(
        """for (let times = 0; times < 3; times++)
             document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true, cancelable: true }))"""
    )
    expect(names(tab)).to_have_text(["app0"])


def test_what_is_unfolded_stays_true(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1.0", "a:1.1", "a:1.2", "a:1.3")
    tab.goto(dashboard.url)
    tab.get_by_role("link", name="+3 older").click()
    below = tab.locator(".below .version code")
    expect(below).to_have_text(["1.2", "1.1", "1.0"])
    tab.locator(".below .update").nth(1).get_by_role("button", name=re.compile("^Done ")).click()
    expect(below).to_have_text([re.compile(r"1\.1 .*1\.2", re.DOTALL)])
    expect(tab.get_by_role("link", name="+1 older")).to_have_attribute("aria-expanded", "true")
    undo(tab, "a 1.1 on nas done")
    expect(below).to_have_text(["1.2", "1.1", "1.0"])
    notify(dashboard, "a:1.4")
    refresh(tab)
    expect(below).to_have_text(["1.3", "1.2", "1.1", "1.0"])


def test_all_that_match_are_chosen_only_while_one_sees_it(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(51)))
    tab.goto(dashboard.url)
    ticks(tab).nth(3).check()
    tab.get_by_label("Select all 51", exact=True).check()
    expect(tab.get_by_role("toolbar")).to_contain_text("All 51 selected")
    expect(tab.locator(".update > input:checked")).to_have_count(50)
    ticks(tab).nth(3).uncheck()
    expect(tab.get_by_label("Select all 51", exact=True)).not_to_be_checked()
    expect(tab.get_by_role("toolbar")).to_contain_text("49 selected")


def test_a_range_begins_where_it_began_although_rows_arrived(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1", "d:1")
    tab.goto(dashboard.url)
    ticks(tab).nth(1).click()
    notify(dashboard, "e:1")
    refresh(tab)
    tab.get_by_role("button", name="Show", exact=True).click()
    expect(names(tab)).to_have_count(5)
    ticks(tab).nth(4).click(modifiers=["Shift"])
    expect(tab.get_by_role("toolbar")).to_contain_text("3 selected")


def test_the_focus_goes_on_to_the_next_row(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    for key in ("j", "j", "a"):
        tab.keyboard.press(key)
    expect(names(tab)).to_have_text(["c", "a"])
    expect(row(tab, "a").get_by_role("link", name="a", exact=True).first).to_be_focused()


def test_the_keys_are_told_everywhere(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    for path in ("/", "/hosts", "/updates/1", "/history"):
        tab.goto(dashboard.url + path)
        tab.keyboard.press("?")
        expect(tab.get_by_role("dialog", name="Keys")).to_be_visible()
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="Keys").click()
        expect(tab.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_question_says_what_it_is_about(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1", "b:1", "c:1")
    tab.goto(dashboard.url)
    row(tab, "a").get_by_role("button", name="Snooze").click()
    expect(tab.get_by_role("dialog")).to_contain_text("Snooze a on nas")
    tab.keyboard.press("Escape")
    for number in range(2):
        ticks(tab).nth(number).check()
    act(tab, "Tag")
    expect(tab.get_by_role("dialog")).to_contain_text("Tag 2 selected")
    tab.keyboard.press("Escape")
    tab.locator("body").press("Escape")
    expect(tab.get_by_role("toolbar")).to_be_hidden()


@pytest.mark.parametrize("width", [1000, 800, 760, 700, 641, 640, 390, 360])
def test_nothing_scrolls_sideways_at_any_width(dashboard: Dashboard, tab: Page, width: int) -> None:
    name = "w" * 3000
    notify(dashboard, "a:1", f"{name}:1.0", f"{name}:1.1")
    notify(dashboard, "ghcr.io/b/c:1", hostname=name, provider=name, metadata={"ctn_names": name})
    for number in range(130):
        notify(dashboard, f"app{number}:1")
    tab.set_viewport_size({"width": width, "height": 900})
    dashboard.request("POST", "/views", f"name={'W' * 100}&query=%3Fhost%3Dnas".encode(), **FORM)
    for path in ("/", "/?group=host", "/updates/2", "/hosts", "/history", "/insights", "/tags", "/connect", "/views"):
        tab.goto(dashboard.url + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_refresh_leaves_the_page_where_one_has_scrolled_to(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, *(f"app{number}:1" for number in range(50)))
    tab.goto(dashboard.url)
    tab.evaluate("scrollTo(0, 900)")
    notify(dashboard, "app7:2", "other:1")
    refresh(tab)
    expect(tab.locator("#arrivals")).to_have_text("2 new · Show")
    expect(tab.get_by_role("navigation", name="Pages")).to_contain_text("Updates 51")
    expect(tab.get_by_role("link", name="+1 older")).to_have_count(0)
    assert tab.evaluate("scrollY") == 900


def test_the_state_that_is_shown_is_in_sight_on_a_phone(dashboard: Dashboard, tab: Page) -> None:
    notify(dashboard, "a:1")
    tab.set_viewport_size({"width": 320, "height": 700})
    tab.goto(f"{dashboard.url}/?state=all")
    expect(tab.get_by_role("navigation", name="State").get_by_role("link", name="All")).to_be_in_viewport(ratio=0.99)
