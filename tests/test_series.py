"""The rules of a series, table by table: what DIUN reported and what people did goes in, its rows come out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diundashboard.fold import Move, counted, fold, without
from diundashboard.model import NEXT_VERSION
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
    to_acknowledge,
    to_reopen,
)

START = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
IDS = ("0.9.0", "1.0.0", "1.1.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0", "2.0.0-rc1", "2.0.0-rc2", "2.0.0")
"""Versions by name: the id of each is its place."""


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


class History:
    """Events that follow each other by an hour each, numbered from 1."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant
        self.events: list[Event] = []

    @property
    def now(self) -> datetime:
        return at(len(self.events) + 1)

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.events)

    def add(self, event: Event) -> History:
        self.events.append(event)
        return self

    def reports(
        self, *versions: str, digest: str = "a", known: bool = False, current: str = "", hours: int = 0
    ) -> History:
        for version in versions:
            time = self.now + timedelta(hours=hours)
            self.add(Reported(time, _id(version), version, f"{version}@{digest}", known, current))
        return self

    def done(self, *versions: str) -> History:
        digests = to_acknowledge(self.series, [_id(version) for version in versions])
        return self.add(Acknowledged(self.now, self.last + 1, digests, "ann"))

    def reopens(self, *versions: str) -> History:
        return self.add(Reopened(self.now, self.last + 1, to_reopen(self.series, [_id(each) for each in versions])))

    def runs(self, version: str) -> History:
        return self.add(SaidRunning(self.now, self.last + 1, version))

    def snoozes(self, until: datetime | None) -> History:
        return self.add(Snoozed(self.now, self.last + 1, until))

    def notes(self, text: str) -> History:
        return self.add(Noted(self.now, self.last + 1, text))

    def mutes(self, muted: bool = True) -> History:
        return self.add(Muted(self.now, self.last + 1, muted))

    def undo(self, *numbers: int) -> History:
        """Undo the actions with these numbers."""
        self.events = [event for event in self.events if event.action not in numbers]
        return self

    @property
    def series(self) -> Series:
        return fold(Series(self.variant), self.events)

    @property
    def rows(self) -> list[str]:
        """What the pending page shows: `from -> version kind`, `+n` for what is folded under it."""
        return [
            f"{row.from_version} -> {row.text} {row.kind}" + (f" +{row.older}" if row.older else "")
            for row in self.series.versions
            if row.pending and not row.folded
        ]

    def state(self, version: str) -> str:
        found = self.version(version)
        return "pending" if found.pending else "superseded" if found.acknowledged_at is None else "acknowledged"

    def version(self, version: str) -> Version:
        found = self.series.version(_id(version))
        assert found is not None
        return found


def _id(version: str) -> int:
    return IDS.index(version) if version in IDS else 99


@pytest.mark.parametrize(
    ("history", "rows"),
    [
        (History().reports("1.5.0"), [" -> 1.5.0 new"]),
        (History().reports("1.5.0").done("1.5.0"), []),
        (History().reports("1.5.0").done("1.5.0").reports("1.8.0"), ["1.5.0 -> 1.8.0 minor"]),
        (History().reports("1.5.0").done("1.5.0").reports("1.6.0", "1.8.0", "1.7.0"), ["1.5.0 -> 1.8.0 minor +2"]),
        # One click on the newest stores one fact; what is below it follows.
        (History().reports("1.6.0", "1.7.0", "1.8.0").done("1.8.0"), []),
        (History().reports("1.6.0", "1.7.0", "1.8.0").done("1.6.0"), ["1.6.0 -> 1.8.0 minor +1"]),
        # Reopening invents nothing that ran.
        (
            History().reports("1.5.0").done("1.5.0").reports("1.6.0", "1.7.0", "1.8.0").done("1.8.0").reopens("1.8.0"),
            ["1.5.0 -> 1.8.0 minor +2"],
        ),
        # What is rebuilt below the version that runs asks for nothing.
        (
            History().reports("1.0.0", "1.7.0").done("1.7.0").reports("1.8.0").reports("1.0.0", digest="b"),
            ["1.7.0 -> 1.8.0 minor"],
        ),
        # What runs is rebuilt.
        (
            History().reports("1.8.0").done("1.8.0").reports("1.8.0", digest="b"),
            ["1.8.0 -> 1.8.0 rebuild"],
        ),
        # What is done with another digest still runs.
        (
            History().reports("1.8.0").done("1.8.0").reports("1.8.0", digest="b").reports("1.7.0"),
            ["1.8.0 -> 1.8.0 rebuild"],
        ),
        # A pre-release hides no release, and is done apart from it.
        (
            History().reports("1.0.0").done("1.0.0").reports("1.1.0", "2.0.0-rc1"),
            ["1.0.0 -> 1.1.0 minor", "1.0.0 -> 2.0.0-rc1 major"],
        ),
        (
            History().reports("1.0.0").done("1.0.0").reports("1.1.0", "2.0.0-rc1", "2.0.0-rc2").done("1.1.0"),
            ["1.1.0 -> 2.0.0-rc2 major +1"],
        ),
        (
            History().reports("1.0.0").done("1.0.0").reports("1.1.0", "2.0.0-rc1", "2.0.0"),
            ["1.0.0 -> 2.0.0 major +2"],
        ),
        (History().reports("1.1.0", "2.0.0-rc1").done("2.0.0-rc1"), []),
        # What a label or a person says to run needs nothing.
        (History().reports("1.8.0", current="1.8.0"), []),
        (History().reports("1.8.0", current="1.8.0").reports("1.8.0", digest="b"), ["1.8.0 -> 1.8.0 rebuild"]),
        (History().reports("1.8.0", known=True, current="1.8.0"), ["1.8.0 -> 1.8.0 rebuild"]),
        (History().reports("1.8.0", current="1.5.0"), ["1.5.0 -> 1.8.0 minor"]),
        (History().reports("1.8.0").runs("1.8.0"), []),
        (History().reports("1.6.0", "1.8.0").runs("1.7.0"), ["1.7.0 -> 1.8.0 minor"]),
        # A person goes back; what was done before that no longer counts.
        (History().reports("1.6.0", "1.8.0").done("1.8.0").runs("1.5.0"), ["1.5.0 -> 1.6.0 minor"]),
        (History().reports("1.6.0").done("1.6.0").runs("1.8.0").runs(""), []),
        # A label that repeats itself says nothing new.
        (
            History().reports("1.8.0", current="1.5.0").done("1.8.0").reports("1.9.0", current="1.5.0"),
            ["1.8.0 -> 1.9.0 minor"],
        ),
        (
            History().reports("1.8.0", current="1.5.0").done("1.8.0").reports("1.9.0", current="1.7.0"),
            ["1.7.0 -> 1.9.0 minor"],
        ),
        # A label that names the digest too tells whether that runs.
        (History().reports("1.8.0", current="1.8.0@1.8.0@a"), []),
        (History().reports("1.8.0", current="1.8.0@sha256:b"), ["1.8.0 -> 1.8.0 rebuild"]),
        (History().reports("1.8.0").reports("1.8.0", digest="b", current="1.8.0@1.8.0@b"), []),
        # A label of another variant says nothing about this series.
        (History().reports("1.8.0", current="1.5.0-alpine"), [" -> 1.8.0 new"]),
        # Late: older than what the version has.
        (History().reports("1.8.0").reports("1.8.0", digest="b", hours=-9), [" -> 1.8.0 new"]),
        (History().reports("1.8.0").done("1.8.0").reports("1.8.0", digest="b", hours=-9), []),
        (History().reports("1.8.0").reports("1.7.0", hours=-9), [" -> 1.8.0 new +1"]),
    ],
)
def test_the_page_shows(history: History, rows: list[str]) -> None:
    assert history.rows == rows


@pytest.mark.parametrize(
    ("history", "states"),
    [
        (History().reports("1.6.0", "1.7.0", "1.8.0").done("1.8.0"), "superseded superseded acknowledged"),
        (History().reports("1.6.0", "1.7.0", "1.8.0").done("1.8.0").reopens("1.8.0"), "pending pending pending"),
        (
            History().reports("1.6.0", "1.7.0", "1.8.0").done("1.6.0").done("1.8.0"),
            "acknowledged superseded acknowledged",
        ),
        (History().reports("1.6.0", "1.7.0", "1.8.0").runs("1.7.0"), "superseded superseded pending"),
    ],
)
def test_the_state_of_each_version(history: History, states: str) -> None:
    assert [history.state(version) for version in ("1.6.0", "1.7.0", "1.8.0")] == states.split()


@pytest.mark.parametrize(
    ("history", "snoozed"),
    [
        (History().reports("1.7.0").snoozes(NEXT_VERSION), True),
        (History().reports("1.7.0").snoozes(NEXT_VERSION).reports("1.8.0"), False),
        (History().reports("1.7.0").snoozes(at(99)).reports("1.8.0"), False),
        (History().reports("1.7.0").snoozes(at(99)).snoozes(None), False),
        # Neither a rebuild nor a backport is the next version.
        (History().reports("1.7.0").snoozes(NEXT_VERSION).reports("1.7.0", digest="b"), True),
        (History().reports("1.7.0").snoozes(NEXT_VERSION).reports("1.6.0"), True),
        (History().reports("1.7.0").snoozes(at(99)).reports("1.7.0", digest="b"), True),
        (
            History()
            .reports("1.0.0", "1.7.0")
            .done("1.7.0")
            .reports("1.8.0")
            .snoozes(at(99))
            .reports("1.0.0", digest="b"),
            True,
        ),
        (History().reports("1.7.0").runs("1.9.0").snoozes(NEXT_VERSION).reports("1.8.0"), True),
        # Of a tag without an order, another digest is the next version; a date is a date.
        (History("=latest").reports("latest").snoozes(NEXT_VERSION).reports("latest", digest="b"), False),
        (History("=latest").reports("latest").snoozes(at(99)).reports("latest", digest="b"), True),
    ],
)
def test_a_snooze_ends_with_a_higher_version_only(history: History, snoozed: bool) -> None:
    assert (history.series.snoozed_until is not None) == snoozed


@pytest.mark.parametrize("current", ["latest", ""])
def test_a_tag_without_an_order_is_done_by_digest(current: str) -> None:
    history = History("=latest").reports("latest", current=current)
    assert history.state("latest") == ("superseded" if current else "pending")
    assert history.done("latest").state("latest") == ("superseded" if current else "acknowledged")
    assert history.reports("latest", digest="b").rows == ["latest -> latest rebuild"]


def test_undo_is_the_fold_without_the_action() -> None:
    history = History().reports("1.8.0").done("1.8.0").reopens("1.8.0").done("1.8.0")
    assert history.undo(3, 4).state("1.8.0") == "acknowledged"

    notes = History().reports("1.8.0").notes("x").notes("y")
    assert notes.undo(2).series.note == "y"
    assert notes.undo(3).series.note == ""

    snoozes = History().reports("1.7.0").snoozes(at(99)).snoozes(None).reports("1.8.0")
    assert snoozes.undo(3).series.snoozed_until is None


def test_a_digest_that_nobody_saw_is_not_done() -> None:
    """Two hosts are merged: one had marked the version as done, the other had reported another digest before that."""
    history = History().reports("1.8.0").reports("1.8.0", digest="b")
    history.add(Acknowledged(history.now, 3, {_id("1.8.0"): ["1.8.0@a"]}, "ann"))
    assert history.rows == ["1.8.0 -> 1.8.0 rebuild"]


def test_what_was_done_on_one_host_and_is_reported_again_by_the_other_stays_done() -> None:
    assert History().reports("1.8.0").done("1.8.0").reports("1.8.0").state("1.8.0") == "acknowledged"


def test_of_versions_that_differ_in_a_commit_hash_alone_the_newest_runs() -> None:
    history = History("-{hash}")
    for number, text in enumerate(["2.1-0a1b2c3", "2.1-9f8e7d6"]):
        history.add(Reported(history.now, number, text, text))
    assert history.rows == [" -> 2.1-9f8e7d6 new +1"]
    history.add(Acknowledged(history.now, 3, {1: ["2.1-9f8e7d6"]}, "ann"))
    assert history.rows == []


@pytest.mark.parametrize(
    ("history", "since"),
    [
        (History().reports("1.6.0", "1.8.0"), 1),
        (History().reports("1.6.0", "1.8.0").done("1.6.0"), 2),
        (History().reports("1.8.0").reports("1.8.0", digest="b"), 1),
        (History().reports("1.8.0").done("1.8.0").reports("1.8.0", digest="b"), 3),
        (History().reports("1.8.0", "2.0.0-rc1"), 1),
    ],
)
def test_a_row_waits_since_the_first_version_under_it(history: History, since: int) -> None:
    assert next(v for v in history.series.versions if v.pending and not v.folded).waiting_since == at(since)


def test_what_is_folded_under_each_row_is_told() -> None:
    series = History().reports("1.6.0", "1.7.0", "2.0.0-rc1", "2.0.0-rc2").series
    assert series.under(_id("1.7.0")) == (_id("1.6.0"),)
    assert series.under(_id("2.0.0-rc2")) == (_id("2.0.0-rc1"),)
    assert series.under(_id("1.6.0")) == ()
    assert series.counts == (4, 0, 2, 4)


@pytest.mark.parametrize(
    ("history", "opened", "closed"),
    [
        (History().reports("1.8.0"), 1, 0),
        (History().reports("1.6.0", "1.7.0", "1.8.0"), 1, 0),
        (History().reports("1.6.0", "1.8.0").done("1.8.0"), 1, 1),
        (History().reports("1.6.0", "1.8.0").done("1.6.0"), 2, 1),
        (History().reports("1.8.0").done("1.8.0").reports("1.8.0", digest="b"), 2, 1),
        (History().reports("1.8.0").done("1.8.0").reopens("1.8.0"), 1, 0),
        (History().reports("1.8.0").mutes(), 0, 0),
        (History().reports("1.8.0").mutes().mutes(False), 1, 0),
        (History().reports("1.8.0").snoozes(NEXT_VERSION).reports("1.9.0"), 1, 0),
        (History().reports("1.8.0").snoozes(NEXT_VERSION).done("1.8.0"), 1, 1),
        (History().reports("1.8.0").runs("1.8.0"), 0, 0),
        (History().reports("1.0.0").done("1.0.0").reports("1.1.0", "2.0.0-rc1"), 3, 1),
    ],
)
def test_days_count_rows_as_the_page_shows_them(history: History, opened: int, closed: int) -> None:
    days = counted(_moves(history.events))
    assert (sum(day[0] for day in days.values()), sum(day[1] for day in days.values())) == (opened, closed)
    assert opened - closed == len(history.rows) * (history.series.muted_at is None)


def test_a_row_that_is_snoozed_is_counted_again_from_the_day_on_which_it_returns() -> None:
    history = History().reports("1.8.0").snoozes(at(72))
    shown = {day.isoformat(): opened for day, (opened, _) in counted(_moves(history.events)).items()}
    assert shown == {"2026-11-24": 1}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["report", "done", "reopen", "runs", "snooze", "mute", "note"]),
        st.sampled_from(IDS),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=12,
)


def _of(steps: list[Any]) -> History:
    history = History()
    for verb, version, digest, flag in steps:
        known = history.series.version(_id(version)) is not None
        match verb:
            case "report":
                history.reports(version, digest=digest, known=flag, current=version if flag else "")
            case "done" if known:
                history.done(version)
            case "reopen" if known:
                history.reopens(version)
            case "runs":
                history.runs(version if flag else "")
            case "snooze":
                history.snoozes(NEXT_VERSION if flag else history.now + timedelta(hours=2))
            case "mute":
                history.mutes(flag)
            case "note":
                history.notes(digest)
    return history


@given(EVENTS)
def test_whatever_happens_the_rows_are_of_one_shape(steps: list[Any]) -> None:
    series = _of(steps).series
    rows = [version for version in series.versions if version.pending and not version.folded]
    assert len(rows) <= 2
    assert bool(rows) == bool(series.counts.open)
    assert sum(1 + row.older for row in rows) == series.counts.open
    assert {id for row in rows for id in (row.id, *series.under(row.id))} == {
        version.id for version in series.versions if version.pending
    }
    for version in series.versions:
        assert version.waiting_since is not None
        if version.pending:
            assert version.text != series.running or version.rebuilt
            assert version.from_version == series.running


@given(EVENTS, st.integers(1, 12))
def test_what_an_undo_changes_in_the_days_is_what_the_fold_says(steps: list[Any], action: int) -> None:
    events = _of(steps).events
    before, after, moves = without(Series(""), events, action)
    rest = [event for event in events if event.action != action]
    old, new = _moves(events), _moves(rest)
    assert (before, after) == (fold(Series(""), events), fold(Series(""), rest))
    total = {
        day: tuple(map(sum, zip(*numbers, strict=True))) for day, *numbers in _joined(counted(old), counted(moves))
    }
    assert {day: both for day, both in total.items() if any(both)} == counted(new)


def _moves(events: list[Event]) -> list[Move]:
    moves: list[Move] = []
    fold(Series(""), events, moves)
    return moves


def _joined(*found: dict[Any, tuple[int, int]]) -> list[Any]:
    days = {day for each in found for day in each}
    return [(day, *(each.get(day, (0, 0)) for each in found)) for day in days]
