"""How long updates wait until they are done, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from diundashboard.model import WAITS, Wait
from diundashboard.web.chart.figure import BAR_PITCH, Bar, Figure, Table, percent
from diundashboard.web.chart.words import DAY, cut, duration, spoken

NO_TAG = "no tag"
"""The label of waits without a tag."""

_ENOUGH_WAITS = 5


def waiting(waits: Sequence[Wait], what: str) -> Figure[tuple[Bar, ...]] | None:
    """How long updates wait, by tag or by host, the longest wait first. Those with few waits come last."""
    waits = sorted(waits, key=lambda wait: (wait.count < _ENOUGH_WAITS, -wait.median, -wait.percentile_90, wait.label))
    return Figure(wait_finding(waits, what), wait_bars(waits), wait_table(waits, what)) if waits else None


def wait_bars(waits: Sequence[Wait]) -> tuple[Bar, ...]:
    """A bar to the median, and a line to the 90th percentile."""
    longest = max((wait.percentile_90 for wait in waits), default=timedelta()) or DAY
    return tuple(
        Bar(
            y=row * BAR_PITCH,
            name=cut(_wait_name(wait), 22),
            full_name=_wait_name(wait),
            value=_wait_words(wait),
            width=percent(wait.median / longest),
            reach=percent(wait.percentile_90 / longest) if wait.percentile_90 > wait.median else "",
        )
        for row, wait in enumerate(waits)
    )


def _wait_name(wait: Wait) -> str:
    return wait.label or "unnamed host"


def _wait_words(wait: Wait) -> str:
    half, most = duration(wait.median), duration(wait.percentile_90)
    return f"in {half}" if half == most else f"half in {half}, 90% in {most}"


def wait_finding(waits: Sequence[Wait], what: str) -> str:
    """Which tag or host (`what`) waits longest. Those with few waits are left out if others have enough."""
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
    """The waits in numbers, by tag or host (`what`)."""
    return Table(
        f"From notification to done by {what}, of the last {WAITS:,} at most",
        (what.capitalize(), "done", "half in", "90% in"),
        tuple((_wait_name(w), f"{w.count:,}", duration(w.median), duration(w.percentile_90)) for w in waits),
    )


def oldest_finding(waited: timedelta) -> str:
    """How long the oldest has waited, in whole days, hours or minutes, like ages elsewhere on the pages."""
    unit = DAY if waited >= 2 * DAY else timedelta(hours=1) if waited >= timedelta(hours=1) else timedelta(minutes=1)
    return f"The oldest has waited for {spoken(waited - waited % unit)}"
