"""What charts are drawn from: places, words and findings. Pure; templates only put them on the page.

Charts keep the size of their text on any screen: heights are pixels, and places from left to right are percentages,
except on the heat map, which scrolls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

from diundashboard.model import WAITS, Insights, Noise, Wait

KINDS = {
    "major": "major",
    "minor": "minor",
    "patch": "patch",
    "build": "build",
    "rebuild": "rebuilt",
    "new": "new",
    "older": "older",
}
"""Every kind in the order of its weight, and the word for it."""

NO_TAG = "no tag"
"""What waits are told under that have no tag."""

WEEKS = 53
STEPS = 5
PITCH = 20
"""From one day of the heat map to the next, in pixels; the square itself is three smaller."""

HEAT_TOP = 20
LINE_HEIGHT = 200
BAR_PITCH = 38

_DAY = timedelta(days=1)
_LINE_TOP = 24
_LINE_WIDTH = 1000
_FEW_DAYS = 31
_ROWS_OF_DAYS = 21
_ENOUGH_WAITS = 5
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")

DayCounts = Mapping[date, Mapping[str, int]]
Drawing = TypeVar("Drawing")


@dataclass(frozen=True, slots=True)
class Words:
    """A text beside a chart; `x` and `y` as SVG takes them, `anchor` is start, middle or end."""

    x: str
    y: str
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Square:
    """One day of the heat map; `step` is 0 for none to 5 for the most."""

    y: int
    step: int
    title: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A calendar: columns are weeks, `x` and its days; `before` draws the days before the first. `steps` are the
    colours in use with what they stand for, `kinds` how many of each came.
    """

    width: int
    height: int
    weekdays: tuple[Words, ...]
    months: tuple[Words, ...]
    columns: tuple[tuple[int, tuple[Square, ...]], ...]
    before: str
    steps: tuple[tuple[int, str], ...]
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """A line from zero over days; `path` and `area` are drawn in a box of `box` that is stretched to the width."""

    box: str
    path: str
    area: str
    scale: tuple[Words, ...]
    dates: tuple[Words, ...]
    dots: tuple[Words, ...]
    now: Words
    peak: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from zero, its name and value above it; `reach` is where a thin line beyond it ends, "" for none."""

    y: int
    name: str
    full_name: str
    value: str
    width: str
    reach: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart; each row begins with its heading."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure(Generic[Drawing]):
    """A chart: what it shows in a sentence, what is drawn, and the numbers behind it."""

    finding: str
    drawing: Drawing
    table: Table


def coming(insights: Insights) -> Figure[Heat] | None:
    """Notifications per day over a year."""
    if not insights.pending:
        return None
    first, last = window(insights.pending)
    counts = {day: kinds for day, kinds in insights.notifications.items() if first <= day <= last}
    return Figure(coming_finding(counts, first, last), heat(counts, first, last), coming_table(counts, first, last))


def still_open(insights: Insights) -> Figure[Line] | None:
    """What is open over time."""
    if not insights.pending:
        return None
    first, last = window(insights.pending)
    values = {day: value for day, value in insights.pending.items() if first <= day <= last}
    return Figure(open_finding(values), line(values), open_table(values))


def waiting(waits: Sequence[Wait], what: str) -> Figure[tuple[Bar, ...]] | None:
    """How long things wait, by tag or by host."""
    return Figure(wait_finding(waits, what), wait_bars(waits), wait_table(waits, what)) if waits else None


def noisiest(noises: Sequence[Noise]) -> Figure[tuple[Bar, ...]] | None:
    """The images that make the most notifications."""
    return Figure(noise_finding(noises), noise_bars(noises), noise_table(noises)) if noises else None


# Words.


def duration(time: timedelta) -> str:
    """A time as a label says it: `6 d`, `36 h`, `5 min`, `under 1 min`."""
    number, unit = _measured(time)
    return f"{number} {unit}" if number else "under 1 min"


def spoken(time: timedelta) -> str:
    """A time as a sentence says it: `6 days`, `36 hours`, `1 minute`, `less than a minute`."""
    number, unit = _measured(time)
    return counted(number, {"d": "day", "h": "hour", "min": "minute"}[unit]) if number else "less than a minute"


def _measured(time: timedelta) -> tuple[int, str]:
    """In minutes to an hour, in hours to two days, then in days; rounded."""
    minutes = max(0, round(time / timedelta(minutes=1))) if time >= timedelta(minutes=1) else 0
    if minutes < 60:
        return minutes, "min"
    hours = round(time / timedelta(hours=1))
    return (hours, "h") if hours < 48 else (round(time / _DAY), "d")


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`, `1,234 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day_words(day: date) -> str:
    """`3 Mar 2026`."""
    return f"{_day_and_month(day)} {day.year}"


def _day_and_month(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def cut(text: str, length: int) -> str:
    """The text, or its end, which tells images and hosts apart, after an ellipsis."""
    return text if len(text) <= length else f"…{text[1 - length :]}"


def image_words(name: str) -> str:
    """A repository as a person calls it: docker.io and its library/ go without saying."""
    registry, _, repository = name.partition("/")
    return repository.removeprefix("library/") if registry == "docker.io" else name


def _places(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _percent(share: float) -> str:
    return f"{_places(100 * share)}%"


# Notifications per day.


def window(days: Iterable[date]) -> tuple[date, date]:
    """The first and the last of some days, within the 53 weeks from Monday to Sunday that end with the last."""
    every = sorted(days)
    monday = every[-1] - every[-1].weekday() * _DAY
    return max(every[0], monday - (WEEKS - 1) * 7 * _DAY), every[-1]


def totals(counts: DayCounts) -> dict[str, int]:
    """How many of each kind there are, without those of which there is none."""
    found = dict.fromkeys(KINDS, 0)
    for kinds in counts.values():
        for kind, number in kinds.items():
            found[kind] += number
    return {kind: number for kind, number in found.items() if number}


def heat(counts: DayCounts, first: date, last: date) -> Heat:
    """The calendar of 53 weeks that ends with the week of the last day."""
    top = _usual_top([sum(kinds.values()) for kinds in counts.values()])
    start = last - (last.weekday() + (WEEKS - 1) * 7) * _DAY
    columns = []
    before = []
    for week in range(WEEKS):
        squares = []
        for weekday in range(7):
            day = start + (7 * week + weekday) * _DAY
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
    """What the strongest colour begins to stand for: one wild day in twenty does not make the others pale."""
    ranked = sorted(number for number in numbers if number)
    return ranked[-(-len(ranked) * 95 // 100) - 1] if ranked else 0


def _step(number: int, top: int) -> int:
    return min(STEPS, -(-STEPS * number // top)) if top else 0


def _steps(top: int, most: int) -> tuple[tuple[int, str], ...]:
    """Each step in use, and the counts that it stands for."""
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
    return f"{_WEEKDAYS[day.weekday()][:3]} {day_words(day)}: {told or 'none'}"


def _months(start: date) -> tuple[Words, ...]:
    """The name of each month over the first week that begins in it, and with January the year."""
    weeks = [start + week * 7 * _DAY for week in range(WEEKS)]
    begins = [0] + [week for week in range(1, WEEKS) if weeks[week].month != weeks[week - 1].month]
    if begins[1] < 3:
        del begins[0]
    names = [(week, _MONTHS[weeks[week].month - 1]) for week in begins]
    return tuple(
        Words(str(week * PITCH), "12", f"{name} {weeks[week].year}" if name == "Jan" else name) for week, name in names
    )


def coming_finding(counts: DayCounts, first: date, last: date) -> str:
    """How much comes: in a day or a week, and on which weekday the most."""
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
    """The weekday that has at least a quarter more than the average, and not only by one wild day."""
    weekdays: list[list[int]] = [[] for _ in range(7)]
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        weekdays[day.weekday()].append(sum(counts.get(day, {}).values()))
    tame = [(sum(numbers) - max(numbers)) / max(1, len(numbers) - 1) for numbers in weekdays]
    most = max(range(7), key=tame.__getitem__)
    return f", most on {_WEEKDAYS[most]}" if tame[most] >= 1.25 * sum(tame) / 7 else ""


def coming_table(counts: DayCounts, first: date, last: date) -> Table:
    """Notifications by kind: a row for each day, or for each week where there are many; the newest first."""
    kinds = tuple(totals(counts))
    rows = []
    for begin, days in _rows(first, last):
        found = totals({day: counts.get(day, {}) for day in days})
        rows.append((begin, *(f"{found.get(kind, 0):,}" for kind in kinds), f"{sum(found.values()):,}"))
    caption = f"Notifications from {day_words(first)} to {day_words(last)}, in UTC"
    return Table(caption, (_row_head(first, last), *map(KINDS.__getitem__, kinds), "all"), tuple(rows))


def _rows(first: date, last: date) -> list[tuple[str, list[date]]]:
    every = [first + number * _DAY for number in range((last - first).days + 1)]
    if len(every) <= _ROWS_OF_DAYS:
        return [(day_words(day), [day]) for day in reversed(every)]
    weeks: dict[date, list[date]] = {}
    for day in every:
        weeks.setdefault(day - day.weekday() * _DAY, []).append(day)
    return [(day_words(days[0]), days) for days in reversed(weeks.values())]


def _row_head(first: date, last: date) -> str:
    return "Day" if (last - first).days < _ROWS_OF_DAYS else "Week from"


# What is open.


def ticks(top: int) -> tuple[int, ...]:
    """Round numbers from zero to at least `top`, in at most four steps."""
    step, factors = 1, (2, 2.5, 2)
    turn = 0
    while 4 * step < top:
        step = int(step * factors[turn % 3])
        turn += 1
    return tuple(range(0, max(step, -(-top // step) * step) + 1, step))


def line(values: Mapping[date, int]) -> Line:
    """A line over days without gaps."""
    days = sorted(values)
    scale = ticks(max(values.values()))
    last = max(1, len(days) - 1)

    def share(place: int) -> float:
        return place / last if len(days) > 1 else 1.0

    def height(value: int) -> float:
        return LINE_HEIGHT - (LINE_HEIGHT - _LINE_TOP) * value / scale[-1]

    points = " ".join(
        f"{_places(_LINE_WIDTH * share(place))},{_places(height(values[day]))}" for place, day in enumerate(days)
    )
    path = f"M{points}" if len(days) > 1 else ""
    return Line(
        box=f"0 0 {_LINE_WIDTH} {LINE_HEIGHT}",
        path=path,
        area=f"{path} {_LINE_WIDTH},{LINE_HEIGHT} 0,{LINE_HEIGHT}z" if path else "",
        scale=tuple(Words("0", _places(height(tick)), f"{tick:,}") for tick in scale),
        dates=_dates(days),
        dots=tuple(
            Words(_percent(share(place)), _places(height(values[day])), f"{day_words(day)}: {values[day]:,}")
            for place, day in enumerate(days)
            if len(days) <= _FEW_DAYS or place == last
        ),
        now=Words("100%", _places(height(values[days[-1]])), f"{values[days[-1]]:,}"),
        peak=tuple(
            Words(_percent(share(place)), _places(height(values[days[place]]) - 8), text, _anchor(share(place), 0.2))
            for place, text in _peak(days, values)
        ),
    )


def _peak(days: Sequence[date], values: Mapping[date, int]) -> list[tuple[int, str]]:
    """The day with the most, unless that is the last one, which is told anyway."""
    top = max(range(len(days)), key=lambda place: values[days[place]])
    most = values[days[top]]
    return [(top, f"{most:,} on {_day_and_month(days[top])}")] if most > values[days[-1]] else []


def _anchor(share: float, edge: float) -> str:
    """How a text stands at its place so that it does not leave the chart."""
    return "start" if share < edge else "end" if share > 1 - edge else "middle"


def _dates(days: Sequence[date]) -> tuple[Words, ...]:
    """Names below the line: of months where there are more than two, or else of some days."""
    last = len(days) - 1
    if last > 62:
        firsts = [place for place, day in enumerate(days) if day.day == 1]
        every = 1 if len(firsts) < 9 else 2
        chosen = [(place, _MONTHS[days[place].month - 1]) for place in firsts if (days[place].month - 1) % every == 0]
        chosen = [(place, str(days[place].year) if days[place].month == 1 else text) for place, text in chosen]
    else:
        step = max(1, -(-last // 4))
        chosen = [(place, _day_and_month(days[place])) for place in range(last, -1, -step)][::-1]
    shares = [(place / last if last else 1.0, text) for place, text in chosen]
    return tuple(Words(_percent(share), str(LINE_HEIGHT + 18), text, _anchor(share, 0.04)) for share, text in shares)


def open_finding(values: Mapping[date, int]) -> str:
    """How much is open, and whether that is more than it was."""
    days = sorted(values)
    now = values[days[-1]]
    if not now:
        return "Everything is done"
    back = next((back for back in (30, 7) if len(days) > back), len(days) - 1)
    if not back:
        return f"{now:,} open"
    when = {30: "a month ago", 7: "a week ago", 1: "yesterday"}.get(back, f"{back} days ago")
    more = now - values[days[-1 - back]]
    if not more:
        return f"{now:,} open, as many as {when}"
    return f"{now:,} open, {abs(more):,} {'more' if more > 0 else 'fewer'} than {when}"


def open_table(values: Mapping[date, int]) -> Table:
    """What was open at the end of each day, or of each week where there are many days; the newest first."""
    days = sorted(values)
    first, last = days[0], days[-1]
    caption = f"Open from {day_words(first)} to {day_words(last)}, in UTC"
    rows = _rows(first, last)
    if _row_head(first, last) == "Day":
        return Table(caption, ("Day", "open at its end"), tuple((name, f"{values[each[0]]:,}") for name, each in rows))
    return Table(
        caption,
        ("Week from", "open at its end", "most in it"),
        tuple((name, f"{values[each[-1]]:,}", f"{max(values[day] for day in each):,}") for name, each in rows),
    )


# How long things wait, and what makes the most noise.


def wait_bars(waits: Sequence[Wait]) -> tuple[Bar, ...]:
    """A bar to the median, and a line to the 90th percentile."""
    longest = max((wait.percentile_90 for wait in waits), default=timedelta()) or _DAY
    return tuple(
        Bar(
            y=row * BAR_PITCH,
            name=cut(_wait_name(wait), 22),
            full_name=_wait_name(wait),
            value=_wait_words(wait),
            width=_percent(wait.median / longest),
            reach=_percent(wait.percentile_90 / longest) if wait.percentile_90 > wait.median else "",
        )
        for row, wait in enumerate(waits)
    )


def _wait_name(wait: Wait) -> str:
    return wait.label or "unnamed host"


def _wait_words(wait: Wait) -> str:
    half, most = duration(wait.median), duration(wait.percentile_90)
    return f"in {half}" if half == most else f"half in {half}, 90% in {most}"


def wait_finding(waits: Sequence[Wait], what: str) -> str:
    """What waits longest, by `what` it is told; of which little is known does not count against others."""
    told = [wait for wait in waits if wait.count >= _ENOUGH_WAITS] or waits
    slowest = max(told, key=lambda wait: wait.median)
    half = f"half is done within {spoken(slowest.median)}"
    name = "What has no tag" if slowest.label == NO_TAG else slowest.label or "The unnamed host"
    if len(waits) == 1:
        return f"{name}: {half}"
    if len({spoken(wait.median) for wait in told}) == 1:
        return f"No {what} stands out: {half}"
    return f"{name} waits longest: {half}"


def wait_table(waits: Sequence[Wait], what: str) -> Table:
    """The waits in numbers; `what` they are told by."""
    return Table(
        f"From notification to acknowledgement by {what}, of the last {WAITS:,} at most",
        (what.capitalize(), "done", "half in", "90% in"),
        tuple((_wait_name(w), f"{w.count:,}", duration(w.median), duration(w.percentile_90)) for w in waits),
    )


def noise_bars(noises: Sequence[Noise]) -> tuple[Bar, ...]:
    """A bar for the number of notifications."""
    most = max((noise.notifications for noise in noises), default=0) or 1
    return tuple(
        Bar(
            y=row * BAR_PITCH,
            name=cut(image_words(noise.name), 38),
            full_name=image_words(noise.name),
            value=f"{noise.notifications:,}",
            width=_percent(noise.notifications / most),
        )
        for row, noise in enumerate(noises)
    )


def noise_finding(noises: Sequence[Noise]) -> str:
    """What makes the most notifications, and whether it stands out."""
    top = noises[0]
    said = counted(top.notifications, "notification")
    if len(noises) == 1:
        return f"{image_words(top.name)} made {said}"
    if top.notifications == noises[-1].notifications:
        return f"No image stands out: {said} each"
    tied = sum(noise.notifications == top.notifications for noise in noises)
    if tied > 1:
        return f"{counted(tied, 'image')} make the most: {said} each"
    times = top.notifications // noises[1].notifications
    much = {1: "", 2: ", twice as many as the next"}.get(times, f", {times} times as many as the next")
    return f"{image_words(top.name)} makes the most: {said}{much}"


def noise_table(noises: Sequence[Noise]) -> Table:
    """The notifications of each image."""
    rows = tuple((image_words(noise.name), f"{noise.notifications:,}") for noise in noises)
    return Table("The images with the most notifications", ("Image", "notifications"), rows)


def oldest_finding(waited: timedelta) -> str:
    """How long the oldest has waited, in whole days, hours or minutes, as ages are told everywhere."""
    unit = _DAY if waited >= 2 * _DAY else timedelta(hours=1) if waited >= timedelta(hours=1) else timedelta(minutes=1)
    return f"The oldest has waited for {spoken(waited - waited % unit)}"
