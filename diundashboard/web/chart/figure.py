"""What all charts share: figures, tables, bars, and the format of days and positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from diundashboard.web.chart.words import DAY, day_words

WEEKS = 53
"""How many weeks the charts over days show."""

BAR_PITCH = 38
"""From one bar to the next, in pixels."""

_ROWS_OF_DAYS = 21

Drawing = TypeVar("Drawing")


@dataclass(frozen=True, slots=True)
class Words:
    """A text beside a chart. `x` and `y` are SVG positions; `anchor` is start, middle or end."""

    x: str
    y: str
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart. Each row starts with its heading."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure(Generic[Drawing]):
    """A chart: its main finding in one sentence, the drawing, and the numbers behind it."""

    finding: str
    drawing: Drawing
    table: Table


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from zero, with its name and value above it. `reach` ends the thin line beyond it, "" for none."""

    y: int
    name: str
    full_name: str
    value: str
    width: str
    reach: str = ""


def places(number: float) -> str:
    """A number with at most one decimal place."""
    return f"{number:.1f}".removesuffix(".0")


def percent(share: float) -> str:
    """A share of the width, from 0 to 1, as SVG takes it."""
    return f"{places(100 * share)}%"


def window(days: Iterable[date]) -> tuple[date, date]:
    """The first and last of these days, limited to the 53 calendar weeks that end with the week of the last day."""
    every = sorted(days)
    monday = every[-1] - every[-1].weekday() * DAY
    return max(every[0], monday - (WEEKS - 1) * 7 * DAY), every[-1]


def rows_of_days(first: date, last: date) -> list[tuple[str, list[date]]]:
    """The rows of a table, newest first: a row for each day, or for each week if there are more than 21 days."""
    every = [first + number * DAY for number in range((last - first).days + 1)]
    if len(every) <= _ROWS_OF_DAYS:
        return [(day_words(day), [day]) for day in reversed(every)]
    weeks: dict[date, list[date]] = {}
    for day in every:
        weeks.setdefault(day - day.weekday() * DAY, []).append(day)
    return [(day_words(days[0]), days) for days in reversed(weeks.values())]


def row_head(first: date, last: date) -> str:
    """The heading over the first column of such a table."""
    return "Day" if (last - first).days < _ROWS_OF_DAYS else "Week from"
