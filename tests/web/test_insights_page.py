"""The insights page."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page

from diundashboard.model import Selection
from diundashboard.store import Store
from tests.conftest import Clock
from tests.dashboard import Dashboard
from tests.store.asking import record

DAY = timedelta(days=1)
LIMIT = 150 * 1024
"""The most that a page may weigh, in bytes."""


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def insights(client: FlaskClient) -> str:
    response = client.get("/insights")
    assert response.status_code == 200
    assert len(response.data) < LIMIT
    return response.text


def findings(html: str) -> list[str]:
    return [text(found) for found in re.findall(r"<h2>(.*?)</h2>", html, re.DOTALL)]


def tables(html: str) -> dict[str, list[list[str]]]:
    """The rows of each table, by the first words of its caption."""
    found = {}
    for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table, re.DOTALL)
        assert caption
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        cells = [[text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]
        found[re.split(" from | of ", text(caption[1]))[0]] = cells
        assert 'scope="col"' in rows[0]
        assert all('scope="row"' in row for row in rows[1:])
    return found


def days_of_the_calendar(html: str) -> dict[str, int]:
    """How many notifications each day of the calendar says that it had."""
    titles = re.findall(r"<title>\w{3} (\d+ \w{3} \d{4}): ([^<]*)</title>", html)
    calendar = re.findall(r'<rect class="s\d"[^>]*><title>', html)
    assert len(calendar) == len(titles)
    return {day: sum(map(int, re.findall(r"\d+", told))) for day, told in titles}


def words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def a_year(store: Store, clock: Clock) -> Counter[date]:
    """A year of history that ends today: what arrived on each day. Some of it is done after four days."""
    today = clock.time
    came: Counter[date] = Counter()
    waiting: list[tuple[int, int]] = []
    for number in range(365):
        clock.time = today - (364 - number) * DAY
        while waiting and waiting[0][0] <= number - 4:
            store.acknowledge(Selection((waiting.pop(0)[1],)), "person")
        for each in range(number * 7 % 5):
            name = f"app{(number + each) % 40}"
            host = ("nas", "pi", "web")[each % 3]
            tag = {"tag": ("media", "web")[each % 2]}
            update_id = record(store, f"{name}:1.{number}", hostname=host, metadata=tag)
            came[clock.time.date()] += 1
            if not each:
                waiting.append((number, update_id))
    clock.time = today
    return came


def test_an_empty_dashboard_says_what_will_be_here(client: FlaskClient) -> None:
    html = insights(client)
    assert "No data yet" in html
    assert "<svg" not in html.partition("<main")[2]


def test_insights_are_in_the_navigation(client: FlaskClient) -> None:
    assert '<a href="/insights" aria-current="page">Insights</a>' in insights(client)


def test_one_notification_is_enough_to_look_right(client: FlaskClient, store: Store) -> None:
    record(store, "nginx:1.27.0")
    html = insights(client)
    assert findings(html)[:4] == [
        "1 notification, today",
        "1 pending",
        "Nothing is done yet",
        "nginx made 1 notification",
    ]
    assert days_of_the_calendar(html) == {"21 Nov 2026": 1}


def test_three_days_are_told_as_they_were(client: FlaskClient, store: Store, clock: Clock) -> None:
    today = clock.time
    clock.time = today - 2 * DAY
    first = record(store, "nginx:1.27.0", metadata={"tag": "web"})
    record(store, "redis:7.2.0", hostname="pi")
    clock.time = today - DAY
    store.acknowledge(Selection((first,)), "person")
    clock.time = today
    record(store, "nginx:1.27.1", metadata={"tag": "web"})
    html = insights(client)
    assert findings(html)[:5] == [
        "3 notifications in 3 days",
        "2 pending, as many as 2 days ago",
        "web: half is done within 24 hours",
        "nas: half is done within 24 hours",
        "nginx makes the most: 2 notifications, twice as many as the next",
    ]
    assert days_of_the_calendar(html) == {"19 Nov 2026": 2, "20 Nov 2026": 0, "21 Nov 2026": 1}
    behind = tables(html)
    assert behind["Notifications"] == [
        ["Day", "patch", "new", "all"],
        ["21 Nov 2026", "1", "0", "1"],
        ["20 Nov 2026", "0", "0", "0"],
        ["19 Nov 2026", "0", "2", "2"],
    ]
    assert [row[1] for row in behind["Pending"][1:]] == ["2", "1", "2"]
    assert behind["The images with the most notifications"][1:] == [["nginx", "2"], ["redis", "1"]]


def test_a_year_is_told_as_it_was_recorded(client: FlaskClient, store: Store, clock: Clock) -> None:
    came = a_year(store, clock)
    html = insights(client)
    told = days_of_the_calendar(html)
    first = min(came)
    assert len(told) == (clock.time.date() - first).days + 1
    assert {day: number for day, number in told.items() if number} == {words(day): n for day, n in came.items()}
    behind = tables(html)
    assert sum(int(row[-1]) for row in behind["Notifications"][1:]) == came.total()
    assert len(behind["Notifications"]) == len(behind["Pending"]) == 54
    recorded = store.insights()
    assert behind["Pending"][1][1] == str(list(recorded.pending.values())[-1])
    noisiest = [(row[0], int(row[1])) for row in behind["The images with the most notifications"][1:]]
    assert noisiest == [(noise.name.rpartition("/")[2], noise.notifications) for noise in recorded.noisiest]
    assert f'href="/history?q={recorded.noisiest[0].name}"' in html
    assert "About 2 notifications a day" in findings(html)[0]


def test_waits_on_the_page_are_those_of_done_updates(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    start = clock.time
    for number in range(1, 11):
        clock.time = start
        update_id = record(store, f"app{number}:1", hostname="nas", metadata={"tag": "media"})
        clock.time = start + number * DAY
        store.acknowledge(Selection((update_id,)), "person")
    html = insights(client)
    assert "half in 5 d, 90% in 9 d" in html
    assert findings(html)[2:4] == ["media: half is done within 5 days", "nas: half is done within 5 days"]
    assert ["nas", "10", "5 d", "9 d"] in [row for rows in tables(html).values() for row in rows]


def test_there_is_nothing_to_compare_by_tag_where_nothing_has_one(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store),)), "person")
    assert "No tags to compare" in findings(insights(client))


def test_every_chart_has_a_table_behind_it(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store, metadata={"tag": "web"}),)), "person")
    record(store, "redis:7")
    html = insights(client)
    sections = html.partition('<div class="charts">')[2].partition("</main>")[0].split("<section")[1:]
    assert len(sections) == 6
    for section in sections:
        assert section.count("<h2>") == section.count("<table") == 1
    assert html.count('role="img"') == 5
    assert html.count("<details") == 5


def test_the_oldest_pending_lead_to_their_updates(client: FlaskClient, store: Store, clock: Clock) -> None:
    clock.time -= 40 * DAY
    oldest = record(store, "nginx:1.27.0")
    clock.time += 30 * DAY
    newer = record(store, "redis:7", hostname="pi")
    html = insights(client).partition('class="oldest"')[2]
    assert re.findall(r'href="/updates/(\d+)"', html) == [str(oldest), str(newer)]


def test_everything_done_is_a_finding_too(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store),)), "person")
    found = findings(insights(client))
    assert "Everything is done" in found
    assert "No pending updates" in found


def test_a_history_without_a_notification_in_a_year_is_no_error(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    store.acknowledge(Selection((record(store, "a:1"),)), "person")
    record(store, "b:1")
    clock.time += 500 * DAY
    found = findings(insights(client))
    assert found[0] == "No notifications in a year"
    assert "No image stands out: 1 notification each" in found


def test_names_are_text_and_never_markup(client: FlaskClient, store: Store, clock: Clock) -> None:
    evil = "<script>alert('1')</script>"
    host, tag = f"{evil}host", f"{evil}tag"
    for number in range(2):
        update_id = record(
            store, f'x"{evil}/{number}:1', hostname=f"{host}{number}", metadata={"tag": f"{tag}{number}"}
        )
        clock.time += number * DAY
        store.acknowledge(Selection((update_id,)), "person")
    record(store, f"{evil}:2", hostname=host, metadata={"tag": tag})
    html = insights(client)
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert "style=" not in html


def test_a_host_without_a_name_is_called_so(client: FlaskClient, store: Store) -> None:
    store.acknowledge(Selection((record(store, hostname=""),)), "person")
    assert "unnamed host: half is done" in text(insights(client)).lower()


@pytest.mark.browser
def test_the_page_never_scrolls_sideways_and_the_calendar_begins_with_today(
    store: Store, clock: Clock, dashboard: Dashboard, page: Page
) -> None:
    today = clock.time
    for back in (360, 200, 30, 0):
        clock.time = today - back * DAY
        name = f"ghcr.io/{'a-long-organisation/' * 4}a-long-repository:2026.11.{back}-ls42-alpine3.20"
        update_id = record(store, name, hostname="a-long-hostname.example.org" * 2, metadata={"tag": "tag " * 20})
        if back > 30:
            store.acknowledge(Selection((update_id,)), "person")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    for width in (390, 768, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{dashboard.url}/insights")
        for summary in page.locator("summary").all():
            summary.click()
        assert page.locator("main").evaluate("main => main.scrollWidth <= main.clientWidth")
        scroller = page.get_by_role("region", name="Calendar of a year")
        scroller.focus()
        calendar, square = scroller.bounding_box(), scroller.locator("rect").last.bounding_box()
        assert calendar
        assert square
        assert calendar["x"] <= square["x"] <= calendar["x"] + calendar["width"] - square["width"]
    assert complaints == []
