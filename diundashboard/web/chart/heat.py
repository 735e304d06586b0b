"""Notifications per day: a heat map in the form of a calendar of one year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from diundashboard.model import Insights
from diundashboard.web.chart.figure import WEEKS, Figure, Table, Words, row_head, rows_of_days, window
from diundashboard.web.chart.words import DAY, KINDS, MONTHS, WEEKDAYS, counted, day_words

STEPS = 5
PITCH = 20
"""From one day of the heat map to the next, in pixels. The square itself is three pixels smaller."""

HEAT_TOP = 20
DayCounts = Mapping[date, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Square:
    """One day of the heat map; `step` is 0 for none to 5 for the most."""

    y: int
    step: int
    title: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A calendar: columns are weeks, `x` and its days; `before` draws the days before the first. `steps` are the
    colours in use with their meaning, `kinds` how many of each arrived.
    """

    width: int
    height: int
    weekdays: tuple[Words, ...]
    months: tuple[Words, ...]
    columns: tuple[tuple[int, tuple[Square, ...]], ...]
    before: str
    steps: tuple[tuple[int, str], ...]
    kinds: Mapping[str, int]


def coming(insights: Insights) -> Figure[Heat] | None:
    """Notifications per day over a year."""
    if not insights.pending:
        return None
    first, last = window(insights.pending)
    counts = {day: kinds for day, kinds in insights.notifications.items() if first <= day <= last}
    return Figure(coming_finding(counts, first, last), heat_map(counts, first, last), coming_table(counts, first, last))


def totals(counts: DayCounts) -> dict[str, int]:
    """The count of each kind that occurs."""
    found = dict.fromkeys(KINDS, 0)
    for kinds in counts.values():
        for kind, number in kinds.items():
            found[kind] += number
    return {kind: number for kind, number in found.items() if number}


def heat_map(counts: DayCounts, first: date, last: date) -> Heat:
    """The calendar of 53 weeks that ends with the week of the last day."""
    top = _usual_top([sum(kinds.values()) for kinds in counts.values()])
    start = last - (last.weekday() + (WEEKS - 1) * 7) * DAY
    columns = []
    before = []
    for week in range(WEEKS):
        squares = []
        for weekday in range(7):
            day = start + (7 * week + weekday) * DAY
            y = HEAT_TOP + weekday * PITCH
            if day < first:
                before.append(f"M{week * PITCH + 1} {y + 1}h15v15h-15z")
            elif day <= last:
                kinds = counts.get(day, {})
                squares.append(Square(y, _step(sum(kinds.values()), top), _day_title(day, kinds)))
        if squares:
            columns.append((week * PITCH, tuple(squares)))
    return Heat(
        width=WEEKS * PITCH,
        height=HEAT_TOP + 7 * PITCH,
        weekdays=tuple(
            Words("0", str(HEAT_TOP + row * PITCH + 13), name) for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri"))
        ),
        months=_months(start),
        columns=tuple(columns),
        before="".join(before),
        steps=_steps(top, max((sum(kinds.values()) for kinds in counts.values()), default=0)),
        kinds=totals(counts),
    )


def _usual_top(numbers: Sequence[int]) -> int:
    """Where the strongest colour starts: the 95th percentile, so that one exceptional day does not pale all others."""
    ranked = sorted(number for number in numbers if number)
    return ranked[-(-len(ranked) * 95 // 100) - 1] if ranked else 0


def _step(number: int, top: int) -> int:
    return min(STEPS, -(-STEPS * number // top)) if top else 0


def _steps(top: int, most: int) -> tuple[tuple[int, str], ...]:
    """Each step in use, and the counts that it represents."""
    found = [(0, "none")]
    for step in range(1, STEPS + 1) if top else ():
        low, high = top * (step - 1) // STEPS + 1, top * step // STEPS
        if step == STEPS and most > top:
            found.append((step, f"{low} or more"))
        elif low <= high:
            found.append((step, str(low) if low == high else f"{low} to {high}"))
    return tuple(found)


def _day_title(day: date, kinds: Mapping[str, int]) -> str:
    told = ", ".join(f"{kinds[kind]} {word}" for kind, word in KINDS.items() if kinds.get(kind))
    return f"{WEEKDAYS[day.weekday()][:3]} {day_words(day)}: {told or 'none'}"


def _months(start: date) -> tuple[Words, ...]:
    """The name of each month over the first week that begins in it, and with January the year."""
    weeks = [start + week * 7 * DAY for week in range(WEEKS)]
    begins = [0] + [week for week in range(1, WEEKS) if weeks[week].month != weeks[week - 1].month]
    if begins[1] < 3:
        del begins[0]
    names = [(week, MONTHS[weeks[week].month - 1]) for week in begins]
    return tuple(
        Words(str(week * PITCH), "12", f"{name} {weeks[week].year}" if name == "Jan" else name) for week, name in names
    )


def coming_finding(counts: DayCounts, first: date, last: date) -> str:
    """How many notifications arrive per day or week, and on which weekday most of them."""
    total = sum(totals(counts).values())
    days = (last - first).days + 1
    if not total:
        return "No notifications in a year"
    said = counted(total, "notification")
    if days == 1:
        return f"{said}, {'' if total == 1 else 'all '}today"
    busy = sorted(counts)
    gap = (last - busy[-1]).days
    if days >= 28 and gap >= 14 and gap * len(busy) >= 5 * days:
        return f"Nothing has come since {day_words(busy[-1])}"
    if days < 14 or total * 7 < 1.5 * days:
        return f"{said} in {counted(days, 'day')}"
    if total < 1.5 * days:
        return f"About {counted(round(total * 7 / days), 'notification')} a week"
    most = _busiest_weekday(counts, first, last) if days >= 28 else ""
    return f"About {counted(round(total / days), 'notification')} a day{most}"


def _busiest_weekday(counts: DayCounts, first: date, last: date) -> str:
    """The weekday with at least a quarter more than the average, even without its busiest day."""
    weekdays: list[list[int]] = [[] for _ in range(7)]
    for number in range((last - first).days + 1):
        day = first + number * DAY
        weekdays[day.weekday()].append(sum(counts.get(day, {}).values()))
    tame = [(sum(numbers) - max(numbers)) / max(1, len(numbers) - 1) for numbers in weekdays]
    most = max(range(7), key=tame.__getitem__)
    return f", most on {WEEKDAYS[most]}" if tame[most] >= 1.25 * sum(tame) / 7 else ""


def coming_table(counts: DayCounts, first: date, last: date) -> Table:
    """Notifications by kind: a row for each day, or for each week where there are many; the newest first."""
    kinds = tuple(totals(counts))
    rows = []
    for begin, days in rows_of_days(first, last):
        found = totals({day: counts.get(day, {}) for day in days})
        rows.append((begin, *(f"{found.get(kind, 0):,}" for kind in kinds), f"{sum(found.values()):,}"))
    caption = f"Notifications from {day_words(first)} to {day_words(last)}, in UTC"
    return Table(caption, (row_head(first, last), *map(KINDS.__getitem__, kinds), "all"), tuple(rows))
