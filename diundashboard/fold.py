"""A series' whole history, folded into its state, and what that changes in the numbers of each day. Pure.

The history is the truth. To undo an action is to fold without it; to merge two hosts is to fold the events of both, in
the order in which they were stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import NamedTuple

from diundashboard.series import Event, Series, Version


class Move(NamedTuple):
    """How the numbers of one day change: by rows that open, less those that go without being done, and rows that close.

    The days count rows as the page shows them: a muted series has none, and one that is snoozed has none until the
    snooze ends, which is counted ahead. A done version counts as closed on the day when it was done, until it is
    reopened. `opened` - `closed` is by how much the rows of the page become more.
    """

    at: datetime
    opened: int
    closed: int


def fold(series: Series, events: Iterable[Event], moves: list[Move] | None = None) -> Series:
    """The state of a series after some events. Their changes to the numbers of the days are added to `moves`."""
    for event in events:
        before, series = series, event.on(series)
        if moves is not None and series is not before:
            moves += moved(before, series, event.at)
    return series


def without(series: Series, events: Sequence[Event], action: int) -> tuple[Series, Series, list[Move]]:
    """The state of a series with an action and without it, and how the numbers of the days change when it goes."""
    kept = list(takewhile(lambda event: event.action != action, events))
    series, rest = fold(series, kept), events[len(kept) :]
    stood: list[Move] = []
    moves: list[Move] = []
    before = fold(series, rest, stood)
    after = fold(series, [event for event in rest if event.action != action], moves)
    return before, after, moves + [Move(at, -opened, -closed) for at, opened, closed in stood]


def moved(before: Series, after: Series, at: datetime) -> list[Move]:
    """What a step from one state to the next, at a time, changes in the numbers of the days."""
    shown, showed = _shown(after, at), _shown(before, at)
    moves = []
    if shown != showed:
        moves = [Move(time, 1, 0) for time in shown] + [Move(time, -1, 0) for time in showed]
    old = {version.id: version for version in before.versions}
    for new in after.versions:
        was = old.get(new.id)
        if was is None or was.acknowledged_at == new.acknowledged_at:
            continue
        if was.acknowledged_at is not None and was.digest == new.digest:
            moves.append(Move(was.acknowledged_at, -1, -1))
        if new.acknowledged_at is not None:
            moves.append(Move(new.acknowledged_at, 1, 1))
    return moves


def counted(moves: Iterable[Move]) -> dict[date, tuple[int, int]]:
    """How many rows opened and closed on each day in UTC; days whose numbers stay are left out."""
    opened: Counter[date] = Counter()
    closed: Counter[date] = Counter()
    for move in moves:
        opened[move.at.date()] += move.opened
        closed[move.at.date()] += move.closed
    return {day: (opened[day], closed[day]) for day in opened if opened[day] or closed[day]}


def _shown(series: Series, at: datetime) -> list[datetime]:
    """From when on the page shows each row of a series, in a state that begins at a time."""
    if series.muted_at is not None:
        return []
    since = at if series.snoozed_until is None else max(at, series.snoozed_until)
    return [since for version in series.versions if version.pending and not version.folded]


def differences(stored: Series, folded: Series) -> Iterator[tuple[str, object, object]]:
    """Each stored value that differs from the history: its name, the stored value, the folded value."""
    names = [name for name in Series._fields if name != "versions"]
    yield from _unequal("", names, stored, folded)
    told = {version.id: version for version in folded.versions}
    for version in stored.versions:
        if version.id in told:
            yield from _unequal(f"{version.text}: ", list(Version._fields), version, told.pop(version.id))
        else:
            yield f"{version.text}: reported", True, False
    for version in told.values():
        yield f"{version.text}: reported", False, True


def _unequal(of: str, names: list[str], stored: object, folded: object) -> Iterator[tuple[str, object, object]]:
    for name in names:
        if (was := getattr(stored, name)) != (is_now := getattr(folded, name)):
            yield of + name, was, is_now
