"""Rows of the history become the events of series, in the order in which they were stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from diundashboard.fold import Move, moved
from diundashboard.limits import NAME
from diundashboard.model import Invalid
from diundashboard.series import (
    Acknowledged,
    Event,
    Muted,
    Noted,
    Reopened,
    Reported,
    SaidRunning,
    Series,
    Snoozed,
    Version,
    compares,
    to_acknowledge,
    to_reopen,
)

BATCH = 1000
"""How many series are loaded, folded and written at a time."""


class News(NamedTuple):
    """A notification that was news, as it is stored."""

    series_id: int
    id: int
    at: datetime
    update: int
    version: str
    digest: str
    status: str
    current: str


class Act(NamedTuple):
    """What an action did to one series, or to one version of it, as it is stored."""

    series_id: int
    action: int
    told: int
    at: datetime
    by: str
    verb: str
    detail: str
    update: int | None
    digest: str | None


class Change(NamedTuple):
    """The state of a series before and after, and what that changes in the numbers of the days."""

    series_id: int
    host_id: int
    before: Series
    after: Series
    moves: list[Move]

    @property
    def versions(self) -> list[Version]:
        """The versions that have changed."""
        before = {version.id: version for version in self.before.versions}
        return [version for version in self.after.versions if version != before.get(version.id)]


Acting = Callable[[datetime, int, Series, Collection[int]], Event | None]
"""Creates the event of an action for one series from its time, its id, the state, and the chosen ids."""


def changed(series_id: int, host_id: int, before: Series, event: Event) -> Change | None:
    """The change that an event makes to a series; None if it changes nothing."""
    after = event.on(before)
    return None if after is before else Change(series_id, host_id, before, after, moved(before, after, event.at))


def items(event: Event) -> Iterable[tuple[int | None, str | None]]:
    """What is stored of the event of an action: each version with the digest that was done, or only the series."""
    match event:
        case Acknowledged():
            return [(update, digest) for update, digests in event.digests.items() for digest in digests]
        case Reopened():
            return [(update, None) for update in sorted(event.updates)]
    return [(None, None)]


def acknowledging(by: str) -> Acting:
    def act(at: datetime, action: int, series: Series, chosen: Collection[int]) -> Event | None:
        digests = to_acknowledge(series, chosen)
        return Acknowledged(at, action, digests, by) if digests else None

    return act


def reopening(at: datetime, action: int, series: Series, chosen: Collection[int]) -> Event | None:
    updates = to_reopen(series, chosen)
    return Reopened(at, action, updates) if updates else None


def saying(verb: str, detail: str) -> Acting:
    """The events of the verbs that apply to a whole series."""
    return lambda at, action, series, chosen: _said(verb, detail, at, action)


def running(version: str) -> Acting:
    """Raises Invalid if the version does not compare with those of the series."""

    def act(at: datetime, action: int, series: Series, chosen: Collection[int]) -> Event | None:
        if len(version) > NAME:
            raise Invalid(f"a version has at most {NAME} characters, not {len(version):,}")
        if version and not compares(series.variant, version):
            raise Invalid(f"the version {version} does not compare with those of this image")
        return SaidRunning(at, action, version)

    return act


def batches(series_ids: Iterable[int]) -> Iterator[list[int]]:
    """Series in the batches in which they are loaded, folded and written."""
    ids = iter(series_ids)
    while batch := list(islice(ids, BATCH)):
        yield batch


def histories(news: Iterable[News], acts: Iterable[Act]) -> Mapping[int, list[Event]]:
    """The events of each series. An action comes after the last notification before it, `told`."""
    placed: dict[int, list[tuple[int, int, Event]]] = defaultdict(list)
    for series_id, id, at, update, version, digest, status, current in news:
        event = Reported(at, update, version, digest, status == "update", current)
        placed[series_id].append((id, 0, event))
    of_action: dict[tuple[int, int], list[Act]] = defaultdict(list)
    for act in acts:
        of_action[act.series_id, act.action].append(act)
    for (series_id, action), rows in of_action.items():
        if (done := _event(rows)) is not None:
            placed[series_id].append((rows[0].told, action, done))
    return {series_id: [event for *_, event in sorted(found, key=_place)] for series_id, found in placed.items()}


def _place(placed: tuple[int, int, Event]) -> tuple[int, int]:
    return placed[:2]


def _event(rows: list[Act]) -> Event | None:
    first = rows[0]
    match first.verb:
        case "acknowledge":
            digests: dict[int, list[str]] = defaultdict(list)
            for row in rows:
                if row.update is not None:
                    digests[row.update].append(row.digest or "")
            return Acknowledged(first.at, first.action, digests, first.by)
        case "reopen":
            return Reopened(first.at, first.action, frozenset(row.update for row in rows if row.update is not None))
    return _said(first.verb, first.detail, first.at, first.action)


def _said(verb: str, detail: str, at: datetime, action: int) -> Event | None:
    """The event of a verb; None for a verb about tags, which belong to repositories."""
    match verb:
        case "snooze":
            return Snoozed(at, action, datetime.fromisoformat(detail))
        case "wake":
            return Snoozed(at, action, None)
        case "mute" | "unmute":
            return Muted(at, action, verb == "mute")
        case "note":
            return Noted(at, action, detail)
        case "running":
            return SaidRunning(at, action, detail)
    return None
