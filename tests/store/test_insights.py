"""What the history adds up to, on both databases."""

from __future__ import annotations

from datetime import timedelta

from diundashboard.model import Selection
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import DAY, OTHER, record


def test_insights_count_what_came_and_what_waited(store: Store, clock: Clock) -> None:
    start = clock.time
    ids = [record(store, f"a{number}:1", metadata={"tag": "web"} if number else {}) for number in range(3)]
    record(store, "a1:1")
    clock.time = start + DAY
    record(store, "a2:1", digest=OTHER)
    store.acknowledge(Selection((ids[0],)), "")
    clock.time = start + 2 * DAY
    store.acknowledge(Selection((ids[1],)), "")
    insights = store.insights()
    days = [start.date() + number * DAY for number in range(3)]
    assert insights.notifications == {days[0]: {"new": 4}, days[1]: {"rebuild": 1}}
    assert insights.pending == {days[0]: 3, days[1]: 2, days[2]: 1}
    assert [(noise.name, noise.notifications) for noise in insights.noisiest] == [
        ("docker.io/library/a1", 2),
        ("docker.io/library/a2", 2),
        ("docker.io/library/a0", 1),
    ]
    assert [update.repository for update in insights.oldest] == ["library/a2"]
    assert [(wait.label, wait.count) for wait in insights.waits_by_host] == [("nas", 2)]
    assert {wait.label: wait.count for wait in insights.waits_by_tag} == {"no tag": 1, "web": 1}


def test_waits_are_told_by_nearest_rank(store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    start = clock.time
    ids = [record(store, f"a{number}:1") for number in range(10)]
    for number, update_id in enumerate(ids, 1):
        clock.time = start + number * DAY
        store.acknowledge(Selection((update_id,)), "")
    (wait,) = store.insights().waits_by_host
    assert (wait.count, wait.median, wait.percentile_90) == (10, 5 * DAY, 9 * DAY)


def test_insights_of_an_empty_store_are_empty(store: Store) -> None:
    insights = store.insights()
    assert (insights.notifications, insights.pending) == ({}, {})
    assert (insights.noisiest, insights.oldest, insights.waits_by_tag, insights.waits_by_host) == ((), (), (), ())
