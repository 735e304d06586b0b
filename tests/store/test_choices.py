"""What updates are counted by: filters, states, totals and the summary, on both databases."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from diundashboard.model import NEXT_VERSION, UNTAGGED, Age, Selection, State, Totals, UpdateQuery
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import counted, record


def test_choices_are_counted_with_the_other_filters_in_force(store: Store) -> None:
    record(store, "a:1")
    record(store, "ghcr.io/x/b:1")
    record(store, "ghcr.io/x/c:1", hostname="pi", provider="docker")
    choices = store.choices(UpdateQuery(registry=("ghcr.io",)))
    assert [(choice.value, choice.count) for choice in choices.registry] == [("ghcr.io", 2), ("docker.io", 1)]
    assert [(choice.value, choice.count) for choice in choices.host] == [("nas", 1), ("pi", 1)]
    assert [(choice.value, choice.count) for choice in choices.tag] == [("-", 2)]
    store.acknowledge(Selection(query=UpdateQuery(host=("pi",))), "")
    assert counted(store.choices(UpdateQuery()).state) == {
        "pending": 2,
        "snoozed": 0,
        "acknowledged": 1,
        "muted": 0,
        "all": 3,
    }


def test_ages_are_counted_each_with_the_younger_in_it(store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    for days in (31, 30, 29, 7, 6, 1):
        clock.time -= timedelta(days=days)
        record(store, f"app{days}:1", hostname="pi" if days == 6 else "nas")
        clock.time += timedelta(days=days)
    record(store, "app0:1")
    assert counted(store.choices(UpdateQuery()).age) == {"day": 1, "week": 3, "month": 5, "older": 2}
    assert counted(store.choices(UpdateQuery(age=Age.DAY)).age) == {"day": 1, "week": 3, "month": 5, "older": 2}
    assert counted(store.choices(UpdateQuery(host=("pi",))).age) == {"day": 0, "week": 1, "month": 1, "older": 0}
    assert counted(store.choices(UpdateQuery(age=Age.WEEK)).host) == {"nas": 2, "pi": 1}
    for age in Age:
        assert store.updates(UpdateQuery(age=age)).total == counted(store.choices(UpdateQuery()).age)[age]


def test_states_are_counted_with_the_filters_in_force(store: Store, clock: Clock) -> None:
    ids = [record(store, f"app{number}:1", hostname="pi" if number % 2 else "nas") for number in range(9)]
    store.acknowledge(Selection((ids[0], ids[1], ids[2])), "")
    store.snooze(Selection((ids[3], ids[4])), NEXT_VERSION, "")
    store.mute(Selection((ids[5], ids[1])), True, "")
    assert counted(store.choices(UpdateQuery()).state) == {
        "pending": 3,
        "snoozed": 2,
        "acknowledged": 2,
        "muted": 2,
        "all": 9,
    }
    narrowed = [UpdateQuery(host=("pi",)), UpdateQuery(search="APP5"), UpdateQuery(kind=("new",), age=Age.DAY)]
    for query in [*narrowed, UpdateQuery(tag=(UNTAGGED,), host=("nas",)), UpdateQuery(fold=False)]:
        for state in (*State, None):
            asked = replace(query, state=state)
            for name, count in counted(store.choices(asked).state).items():
                there = None if name == "all" else State(name)
                assert store.updates(replace(query, state=there)).total == count, (asked, name)


def test_what_is_done_is_counted_among_the_newest_where_it_is_told_in_passing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[type(store).choices.__module__], "COUNTED_DONE", 3)
    for number in range(5):
        record(store, f"app{number}:1", hostname="pi" if number < 2 else "nas")
    store.acknowledge(Selection(query=UpdateQuery()), "")
    record(store, "late:1", hostname="pi")

    def done(query: UpdateQuery) -> tuple[int, bool]:
        choice = next(choice for choice in store.choices(query).state if choice.value == "acknowledged")
        return choice.count, choice.at_least

    assert done(UpdateQuery()) == (5, False)
    assert done(UpdateQuery(host=("nas",))) == (3, True)
    assert done(UpdateQuery(host=("pi",))) == (0, True)
    assert done(UpdateQuery(host=("pi",), state=State.ACKNOWLEDGED)) == (2, False)


def test_older_versions_as_rows_of_their_own_are_counted_so(store: Store) -> None:
    for version in range(3):
        record(store, f"a:{version}")
    store.acknowledge(Selection((record(store, "b:1"),)), "")
    store.mute(Selection((record(store, "c:1"), record(store, "c:2"))), True, "")
    assert counted(store.choices(UpdateQuery(fold=False)).state) == {
        "pending": 3,
        "snoozed": 0,
        "acknowledged": 1,
        "muted": 2,
        "all": 6,
    }


def test_the_totals_are_those_of_the_pages(store: Store) -> None:
    assert store.totals() == Totals(0, 0)
    record(store, "a:1")
    record(store, "a:2")
    store.acknowledge(Selection((record(store, "b:1", hostname="pi"),)), "")
    record(store, "c:1", hostname="vps")
    assert store.totals() == Totals(2, 3)
    store.forget_host(next(host.id for host in store.hosts() if host.hostname == "vps"))
    assert store.totals() == Totals(1, 2)


def test_the_summary_adds_up(store: Store, clock: Clock) -> None:
    first = record(store, "a:1")
    oldest = clock.time
    record(store, "b:1", hostname="pi", status="update")
    store.acknowledge(Selection((record(store, "c:1"),)), "")
    summary = store.summary()
    assert summary.kinds == {"new": 1, "rebuild": 1}
    assert (summary.pending, summary.hosts, summary.oldest) == (2, 2, oldest)
    assert summary.done == (0, 0, 0, 0, 0, 0, 1)
    store.reopen(Selection(query=UpdateQuery(state=State.ACKNOWLEDGED)), "")
    assert store.summary().done == (0,) * 7
    assert store.update(first).state == State.PENDING
