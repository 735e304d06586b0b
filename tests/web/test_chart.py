"""Places, words and findings of the charts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

import pytest

from diundashboard import image
from diundashboard.model import Insights, Noise, Wait
from diundashboard.web import chart
from diundashboard.web.chart.figure import window
from diundashboard.web.chart.heat import PITCH, DayCounts, coming_finding, coming_table, heat_map
from diundashboard.web.chart.line import open_finding, open_line, open_table, scale_ticks
from diundashboard.web.chart.noise import noise_bars, noise_finding
from diundashboard.web.chart.waits import wait_bars, wait_finding
from diundashboard.web.chart.words import KINDS, cut, duration, image_words, spoken

TODAY = date(2026, 11, 21)
"""A Saturday."""

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def before(days: int) -> date:
    return TODAY - days * DAY


def every_day(days: int, number: int) -> dict[date, Mapping[str, int]]:
    return {before(back): {"patch": number} for back in range(days)}


def wait(label: str, median: timedelta, count: int = 10, percentile_90: timedelta | None = None) -> Wait:
    return Wait(label, count, median, percentile_90 or median)


@pytest.mark.parametrize(
    ("time", "short", "long"),
    [
        (timedelta(), "under 1 min", "less than a minute"),
        (timedelta(seconds=59), "under 1 min", "less than a minute"),
        (-DAY, "under 1 min", "less than a minute"),
        (MINUTE, "1 min", "1 minute"),
        (59 * MINUTE, "59 min", "59 minutes"),
        (timedelta(minutes=59, seconds=40), "1 h", "1 hour"),
        (HOUR, "1 h", "1 hour"),
        (4 * HOUR + 10 * MINUTE, "4 h", "4 hours"),
        (36 * HOUR, "36 h", "36 hours"),
        (47 * HOUR + 40 * MINUTE, "2 d", "2 days"),
        (6 * DAY, "6 d", "6 days"),
        (400 * DAY, "400 d", "400 days"),
    ],
)
def test_a_duration_is_told_in_the_words_of_a_person(time: timedelta, short: str, long: str) -> None:
    assert (duration(time), spoken(time)) == (short, long)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("docker.io/library/nginx", "nginx"),
        ("docker.io/jellyfin/jellyfin", "jellyfin/jellyfin"),
        ("ghcr.io/library/x", "ghcr.io/library/x"),
    ],
)
def test_docker_io_goes_without_saying(name: str, words: str) -> None:
    assert image_words(name) == words


def test_a_long_name_keeps_its_end() -> None:
    assert cut("ghcr.io/somebody/something", 12) == "…y/something"
    assert cut("short", 12) == "short"


def test_every_kind_has_its_word() -> None:
    assert list(KINDS) == list(image.Kind)


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        (timedelta(days=99, hours=23), "99 days"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(seconds=5), "less than a minute"),
    ],
)
def test_the_oldest_has_waited_for_whole_days_as_its_row_says(waited: timedelta, words: str) -> None:
    assert chart.oldest_finding(waited) == f"The oldest has waited for {words}"


@pytest.mark.parametrize("back", range(14))
def test_the_calendar_has_a_year_whatever_the_day(back: int) -> None:
    first, last = window(before(back + days) for days in range(371))
    heat = heat_map(every_day(400, 1), first, last)
    squares = [square for _, week in heat.columns for square in week]
    assert len(heat.columns) == 53
    assert 365 <= len(squares) == (last - first).days + 1 <= 371
    assert first.weekday() == 0
    assert {len(week) for _, week in heat.columns[:-1]} == {7}
    assert len(heat.columns[-1][1]) == last.weekday() + 1
    assert heat.before == ""


def test_each_day_of_the_calendar_says_its_date_and_what_came_by_kind() -> None:
    heat = heat_map({before(1): {"patch": 8, "major": 1, "rebuild": 2}}, before(1), TODAY)
    ((x, (friday, saturday)),) = heat.columns
    assert (x, heat.width) == (52 * PITCH, 53 * PITCH)
    assert (friday.title, friday.step) == ("Fri 20 Nov 2026: 1 major, 8 patch, 2 rebuilt", 5)
    assert (saturday.title, saturday.step) == ("Sat 21 Nov 2026: none", 0)
    assert saturday.y - friday.y == PITCH
    assert heat.before.count("M") == 53 * 7 - 3
    assert heat.kinds == {"major": 1, "patch": 8, "rebuild": 2}


def test_the_months_stand_over_the_weeks_that_begin_in_them() -> None:
    months = heat_map({}, TODAY, TODAY).months
    assert [month.text for month in months][:4] == ["Dec", "Jan 2026", "Feb", "Mar"]
    assert len(months) == 12
    places = [int(month.x) for month in months]
    assert min(after - at for at, after in pairwise(places)) >= 3 * PITCH
    assert places[1] // PITCH == (date(2026, 1, 5) - date(2025, 11, 17)).days // 7


@pytest.mark.parametrize(
    ("numbers", "steps"),
    [
        ([], "none"),
        ([1], "none|1"),
        ([1, 2, 3], "none|1|2|3"),
        ([1, 8], "none|1|2 to 3|4|5 to 6|7 to 8"),
        ([*range(1, 11)] * 10 + [400], "none|1 to 2|3 to 4|5 to 6|7 to 8|9 or more"),
    ],
)
def test_the_colours_say_what_they_stand_for(numbers: list[int], steps: str) -> None:
    counts = {before(back): {"new": number} for back, number in enumerate(numbers)}
    heat = heat_map(counts, min(counts, default=TODAY), TODAY)
    assert "|".join(text for _, text in heat.steps) == steps
    ranges = {step: [int(number) for number in re.findall(r"\d+", text)] for step, text in heat.steps[1:]}
    for _, week in heat.columns:
        for square in week:
            number = int((re.findall(r"(\d+) new", square.title) or ["0"])[0])
            if number:
                assert ranges[square.step][0] <= number
                assert number <= ranges[square.step][-1] or square.step == 5
    assert not numbers or heat.steps[-1][0] == 5


@pytest.mark.parametrize(
    ("counts", "first", "finding"),
    [
        ({TODAY: {"new": 1}}, 0, "1 notification, today"),
        ({TODAY: {"new": 2, "patch": 1}}, 0, "3 notifications, all today"),
        ({before(2): {"new": 1}}, 2, "1 notification in 3 days"),
        (every_day(3, 4), 2, "12 notifications in 3 days"),
        (every_day(30, 12), 29, "About 12 notifications a day"),
        (every_day(30, 1), 29, "About 7 notifications a week"),
        ({before(back): {"new": 1} for back in range(0, 300, 50)}, 299, "6 notifications in 300 days"),
        ({before(back): {"new": 3} for back in range(40, 100)}, 99, "Nothing has come since 12 Oct 2026"),
        ({}, 370, "No notifications in a year"),
    ],
)
def test_what_comes_is_told_honestly(counts: DayCounts, first: int, finding: str) -> None:
    assert coming_finding(counts, before(first), TODAY) == finding


def test_the_weekday_with_the_most_is_told_if_it_stands_out() -> None:
    counts = every_day(70, 4)
    tuesdays = {day: {"new": 9} for day in counts if day.weekday() == 1}
    assert coming_finding(counts | tuesdays, min(counts), TODAY) == "About 5 notifications a day, most on Tuesdays"
    one_wild_day = {before(4): {"new": 100}}
    assert coming_finding(counts | one_wild_day, min(counts), TODAY) == "About 5 notifications a day"


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        ([3], "3 pending"),
        ([0], "Everything is done"),
        ([2, 3], "3 pending, 1 more than yesterday"),
        ([1, 2, 3], "3 pending, 2 more than 2 days ago"),
        ([9] * 5 + [4] * 7, "4 pending, 5 fewer than a week ago"),
        ([0, *[5] * 40], "5 pending, as many as a month ago"),
        ([1, *[5000] * 40], "5,000 pending, as many as a month ago"),
    ],
)
def test_what_is_open_is_compared_with_before(values: list[int], finding: str) -> None:
    days = {before(back): value for back, value in enumerate(reversed(values))}
    assert open_finding(days) == finding


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (5, (0, 2, 4, 6)),
        (23, (0, 10, 20, 30)),
        (99, (0, 50, 100)),
        (101, (0, 50, 100, 150)),
    ],
)
def test_a_scale_has_few_round_numbers_from_zero(top: int, ticks: tuple[int, ...]) -> None:
    assert scale_ticks(top) == ticks


def test_every_scale_reaches_its_top_in_at_most_four_steps() -> None:
    for top in range(1, 5000, 7):
        found = scale_ticks(top)
        assert found[0] == 0
        assert top <= found[-1]
        assert len(found) <= 5


def test_a_line_goes_from_left_to_right_over_zero() -> None:
    line = open_line({before(2): 0, before(1): 2, TODAY: 1})
    assert line.path == "M0,200 500,24 1000,112"
    assert line.area == f"{line.path} 1000,200 0,200z"
    assert [(each.text, each.y) for each in line.scale] == [("0", "200"), ("1", "112"), ("2", "24")]
    assert [(each.text, each.x) for each in line.dates] == [("19 Nov", "0%"), ("20 Nov", "50%"), ("21 Nov", "100%")]
    assert [each.text for each in line.dots] == ["19 Nov 2026: 0", "20 Nov 2026: 2", "21 Nov 2026: 1"]
    assert (line.now.text, line.now.y) == ("1", "112")
    assert [each.text for each in line.peak] == ["2 on 20 Nov"]


def test_a_single_day_is_a_dot() -> None:
    line = open_line({TODAY: 3})
    assert (line.path, line.area, line.peak) == ("", "", ())
    assert [(each.x, each.y) for each in line.dots] == [("100%", "24")]


def test_a_line_of_a_year_has_one_dot_and_the_names_of_months() -> None:
    line = open_line({before(back): back % 9 for back in range(371)})
    assert line.path.count(",") == 371
    assert len(line.dots) == 1
    assert [each.text for each in line.dates] == ["2026", "Mar", "May", "Jul", "Sep", "Nov"]
    assert len(line.path) < 5000


@pytest.mark.parametrize("days", range(1, 371, 5))
def test_the_dates_under_a_line_are_few_and_in_order(days: int) -> None:
    dates = open_line({before(back): 1 for back in range(days)}).dates
    places = [float(each.x.removesuffix("%")) for each in dates]
    assert 1 <= len(dates) <= 8
    assert places == sorted(places)


def test_waits_are_bars_from_zero_to_the_median_with_a_line_to_the_90th_percentile() -> None:
    media, web = wait_bars([wait("media", 5 * DAY, percentile_90=20 * DAY), wait("", 10 * HOUR)])
    assert (media.name, media.value, media.width, media.reach) == ("media", "half in 5 d, 90% in 20 d", "25%", "100%")
    assert (web.name, web.value, web.reach) == ("unnamed host", "in 10 h", "")
    assert web.y - media.y == chart.BAR_PITCH


def test_waits_of_no_time_have_bars_of_no_length() -> None:
    (bar,) = wait_bars([wait("nas", timedelta())])
    assert (bar.width, bar.value) == ("0%", "in under 1 min")


@pytest.mark.parametrize(
    ("waits", "finding"),
    [
        ([wait("nas", 6 * DAY)], "nas: half is done within 6 days"),
        ([wait("nas", 6 * DAY), wait("pi", 4 * HOUR)], "nas waits longest: half is done within 6 days"),
        ([wait("nas", 6 * DAY), wait("pi", 90 * DAY, count=1)], "No host stands out: half is done within 6 days"),
        ([wait("nas", DAY, count=1), wait("pi", 3 * DAY, count=1)], "pi waits longest: half is done within 3 days"),
        ([wait("nas", 6 * DAY), wait("pi", 6 * DAY + HOUR)], "No host stands out: half is done within 6 days"),
        ([wait("no tag", 6 * DAY), wait("a", DAY)], "What has no tag waits longest: half is done within 6 days"),
        ([wait("", 6 * DAY), wait("a", DAY)], "The unnamed host waits longest: half is done within 6 days"),
    ],
)
def test_what_waits_longest_is_told(waits: list[Wait], finding: str) -> None:
    assert wait_finding(waits, "host") == finding


@pytest.mark.parametrize(
    ("numbers", "finding"),
    [
        ([4], "image0 made 4 notifications"),
        ([1], "image0 made 1 notification"),
        ([2, 2], "No image stands out: 2 notifications each"),
        ([5, 5, 1], "2 images make the most: 5 notifications each"),
        ([5, 4, 1], "image0 makes the most: 5 notifications"),
        ([9, 4], "image0 makes the most: 9 notifications, twice as many as the next"),
        ([1234, 4], "image0 makes the most: 1,234 notifications, 308 times as many as the next"),
    ],
)
def test_the_noisiest_image_is_told(numbers: list[int], finding: str) -> None:
    noises = [Noise(f"docker.io/library/image{place}", number) for place, number in enumerate(numbers)]
    assert noise_finding(noises) == finding
    bars = noise_bars(noises)
    assert (bars[0].width, bars[0].name, bars[0].value) == ("100%", "image0", f"{numbers[0]:,}")


def test_the_table_of_a_few_days_has_a_row_for_each() -> None:
    table = coming_table({before(2): {"new": 2}, TODAY: {"patch": 1, "new": 1}}, before(2), TODAY)
    assert table.heads == ("Day", "patch", "new", "all")
    assert table.rows == (
        ("21 Nov 2026", "1", "1", "2"),
        ("20 Nov 2026", "0", "0", "0"),
        ("19 Nov 2026", "0", "2", "2"),
    )


def test_the_table_of_a_year_has_a_row_for_each_week() -> None:
    first, last = window(before(back) for back in range(371))
    table = coming_table(every_day(371, 2), first, last)
    assert (table.heads[0], len(table.rows), table.rows[0]) == ("Week from", 53, ("16 Nov 2026", "12", "12"))
    assert {row[1:] for row in table.rows[1:]} == {("14", "14")}
    values = {first + number * DAY: number for number in range((last - first).days + 1)}
    opened = open_table(values)
    assert (opened.rows[0], opened.rows[-1]) == (("16 Nov 2026", "369", "369"), ("17 Nov 2025", "6", "6"))


@pytest.mark.parametrize("days", [21, 22])
def test_days_become_weeks_after_three_of_them(days: int) -> None:
    values = {before(back): 1 for back in range(days)}
    table = open_table(values)
    assert table.heads[0] == ("Day" if days == 21 else "Week from")
    assert len(table.rows) == (21 if days == 21 else 4)


def test_nothing_to_tell_draws_nothing() -> None:
    empty = Insights({}, {}, (), (), (), ())
    assert chart.coming(empty) is None
    assert chart.still_open(empty) is None
    assert chart.waiting((), "tag") is None
    assert chart.noisiest(()) is None


def test_the_tag_that_waits_longest_comes_first() -> None:
    found = chart.waiting([wait("home", 3 * DAY), wait("rare", 60 * DAY, 1), wait("web", 9 * DAY)], "tag")
    assert found is not None
    assert found.finding.startswith("web waits longest")
    assert [bar.name for bar in found.drawing] == ["web", "home", "rare"]
