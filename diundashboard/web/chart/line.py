"""Pending updates at the end of each day, as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from diundashboard.model import Insights
from diundashboard.web.chart.figure import Figure, Table, Words, percent, places, row_head, rows_of_days, window
from diundashboard.web.chart.words import MONTHS, day_and_month, day_words

LINE_HEIGHT = 200
_LINE_TOP = 24
_LINE_WIDTH = 1000
_FEW_DAYS = 31


@dataclass(frozen=True, slots=True)
class Line:
    """A line over days, from zero. `path` and `area` use the view box `box`, which is stretched to the full width."""

    box: str
    path: str
    area: str
    scale: tuple[Words, ...]
    dates: tuple[Words, ...]
    dots: tuple[Words, ...]
    now: Words
    peak: tuple[Words, ...]


def still_open(insights: Insights) -> Figure[Line] | None:
    """How many updates are pending over time."""
    if not insights.pending:
        return None
    first, last = window(insights.pending)
    values = {day: value for day, value in insights.pending.items() if first <= day <= last}
    return Figure(open_finding(values), open_line(values), open_table(values))


def scale_ticks(top: int) -> tuple[int, ...]:
    """Round numbers from zero to at least `top`, in at most four steps."""
    step, factors = 1, (2, 2.5, 2)
    turn = 0
    while 4 * step < top:
        step = int(step * factors[turn % 3])
        turn += 1
    return tuple(range(0, max(step, -(-top // step) * step) + 1, step))


def open_line(values: Mapping[date, int]) -> Line:
    """A line over days without gaps."""
    days = sorted(values)
    scale = scale_ticks(max(values.values()))
    last = max(1, len(days) - 1)

    def share(place: int) -> float:
        return place / last if len(days) > 1 else 1.0

    def height(value: int) -> float:
        return LINE_HEIGHT - (LINE_HEIGHT - _LINE_TOP) * value / scale[-1]

    points = " ".join(
        f"{places(_LINE_WIDTH * share(place))},{places(height(values[day]))}" for place, day in enumerate(days)
    )
    path = f"M{points}" if len(days) > 1 else ""
    return Line(
        box=f"0 0 {_LINE_WIDTH} {LINE_HEIGHT}",
        path=path,
        area=f"{path} {_LINE_WIDTH},{LINE_HEIGHT} 0,{LINE_HEIGHT}z" if path else "",
        scale=tuple(Words("0", places(height(tick)), f"{tick:,}") for tick in scale),
        dates=_dates(days),
        dots=tuple(
            Words(percent(share(place)), places(height(values[day])), f"{day_words(day)}: {values[day]:,}")
            for place, day in enumerate(days)
            if len(days) <= _FEW_DAYS or place == last
        ),
        now=Words("100%", places(height(values[days[-1]])), f"{values[days[-1]]:,}"),
        peak=tuple(
            Words(percent(share(place)), places(height(values[days[place]]) - 8), text, _anchor(share(place), 0.2))
            for place, text in _peak(days, values)
        ),
    )


def _peak(days: Sequence[date], values: Mapping[date, int]) -> list[tuple[int, str]]:
    """The day with the most, unless it is the last one, which has a label anyway."""
    top = max(range(len(days)), key=lambda place: values[days[place]])
    most = values[days[top]]
    return [(top, f"{most:,} on {day_and_month(days[top])}")] if most > values[days[-1]] else []


def _anchor(share: float, edge: float) -> str:
    """The text anchor that keeps a label inside the chart."""
    return "start" if share < edge else "end" if share > 1 - edge else "middle"


def _dates(days: Sequence[date]) -> tuple[Words, ...]:
    """Labels below the line: months if there are more than two, otherwise some days."""
    last = len(days) - 1
    if last > 62:
        firsts = [place for place, day in enumerate(days) if day.day == 1]
        every = 1 if len(firsts) < 9 else 2
        chosen = [(place, MONTHS[days[place].month - 1]) for place in firsts if (days[place].month - 1) % every == 0]
        chosen = [(place, str(days[place].year) if days[place].month == 1 else text) for place, text in chosen]
    else:
        step = max(1, -(-last // 4))
        chosen = [(place, day_and_month(days[place])) for place in range(last, -1, -step)][::-1]
    shares = [(place / last if last else 1.0, text) for place, text in chosen]
    return tuple(Words(percent(share), str(LINE_HEIGHT + 18), text, _anchor(share, 0.04)) for share, text in shares)


def open_finding(values: Mapping[date, int]) -> str:
    """How many updates are pending, and whether there are more than before."""
    days = sorted(values)
    now = values[days[-1]]
    if not now:
        return "Everything is done"
    back = next((back for back in (30, 7) if len(days) > back), len(days) - 1)
    if not back:
        return f"{now:,} pending"
    when = {30: "a month ago", 7: "a week ago", 1: "yesterday"}.get(back, f"{back} days ago")
    more = now - values[days[-1 - back]]
    if not more:
        return f"{now:,} pending, as many as {when}"
    return f"{now:,} pending, {abs(more):,} {'more' if more > 0 else 'fewer'} than {when}"


def open_table(values: Mapping[date, int]) -> Table:
    """Pending updates at the end of each day, or of each week if there are many days, newest first."""
    days = sorted(values)
    first, last = days[0], days[-1]
    caption = f"Pending from {day_words(first)} to {day_words(last)}, in UTC"
    rows = rows_of_days(first, last)
    if row_head(first, last) == "Day":
        return Table(
            caption, ("Day", "pending at its end"), tuple((name, f"{values[each[0]]:,}") for name, each in rows)
        )
    return Table(
        caption,
        ("Week from", "pending at its end", "most in it"),
        tuple((name, f"{values[each[-1]]:,}", f"{max(values[day] for day in each):,}") for name, each in rows),
    )
