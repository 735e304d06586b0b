"""Whether what is stored is what the history says, on both databases."""

from __future__ import annotations

import pytest

from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Pruned, Selection, State, UpdateQuery
from diundashboard.store import Store
from diundashboard.store.upkeep import PRUNED_AT_ONCE
from tests.conftest import Clock
from tests.store.asking import DAY, OTHER, record
from tests.store.databases import raw


def test_nothing_differs_whatever_was_reported_and_done(store: Store, clock: Clock) -> None:
    ids = [record(store, f"a:{version}", hostname=host) for version in ("1.0", "1.1", "2.0-rc1") for host in "xyz"]
    done = store.acknowledge(Selection((ids[3],)), "person")
    record(store, "a:1.1", hostname="x", digest=OTHER)
    store.snooze(Selection((ids[1],)), clock.time + DAY, "person")
    store.mute(Selection((ids[2],)), True, "person")
    store.say_running(ids[4], "1.0", "person")
    store.undo(done.id, "person")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    store.forget_host(hosts["z"])
    record(store, "a:1.2", hostname="z")
    assert store.check() == ()


def test_what_differs_is_named_and_repaired(config: Config, store: Store) -> None:
    update_id = record(store, "app:1.0", metadata={"tag": "media"})
    store.acknowledge(Selection((update_id,)), "person")
    with raw(config) as connection:
        connection.execute("UPDATE updates SET acknowledged_at = NULL, folded = TRUE")
        connection.execute("UPDATE series SET running_version = '0.9', open = 1")
        connection.execute("UPDATE days SET closed = 7")
        connection.execute("UPDATE updates SET tag_id = NULL")
    found = store.check()
    names = {difference.name for difference in found}
    assert names >= {"running", "open", "1.0: acknowledged_at", "1.0: folded", "1.0: tag_id"}
    assert any("closed" in difference.name for difference in found)
    assert str(found[0]) == "nas: docker.io/library/app: running is 0.9, the history says 1.0"
    before = store.stamp()
    assert store.check(repair=True) == found
    assert store.stamp() != before
    assert store.check() == ()
    update = store.update(update_id)
    assert (update.state, update.tag and update.tag.name) == (State.ACKNOWLEDGED, "media")
    assert (store.updates(UpdateQuery()).total, store.summary().done[-1]) == (0, 1)


def test_pruning_removes_old_repeats_and_payloads_and_changes_no_state(store: Store, clock: Clock) -> None:
    for host in ("nas", "pi"):
        record(store, "first:1.0", hostname=host)
    done = record(store, "done:1.0")
    pending = record(store, "pending:1.0")
    for image in ("done:1.0", "pending:1.0", "done:1.0"):
        record(store, image)
    record(store, "done:1.1")
    store.acknowledge(Selection((store.updates(UpdateQuery(search="done")).updates[0].id,)), "person")
    store.forget_host(next(host.id for host in store.hosts() if host.hostname == "pi"))
    clock.time += 10 * DAY
    record(store, "done:1.2")
    before = _shown(store)
    # done:1.0 and its two repeats, and done:1.1; "first" on nas is pending, on pi the first and last of its host.
    size = sum(
        len(each.payload) for each in store.notifications(HistoryQuery()) if each.payload and "done" in each.image
    )
    size -= len(store.notifications(HistoryQuery())[0].payload)
    expected = Pruned(repeats=2, payloads=2, size=size)
    assert store.prune(clock.time - DAY, dry_run=True) == expected
    assert store.prune(clock.time - DAY) == expected
    assert store.prune(clock.time - DAY) == Pruned()
    assert _shown(store) == before
    assert store.check() == ()
    kept = {each.id: each for each in store.notifications(HistoryQuery())}
    assert [each.payload == b"" for each in kept.values() if "done" in each.image] == [False, True, True]
    assert all(each.payload for each in kept.values() if "done" not in each.image)
    assert [update.notifications for update in (store.update(done), store.update(pending))] == [3, 2]


def _shown(store: Store) -> list[object]:
    return [store.updates(UpdateQuery(state=None)), store.hosts(), store.insights(), store.totals()]


def test_pruning_goes_on_where_there_are_more_than_one_transaction_takes(store: Store, clock: Clock) -> None:
    record(store, "app:1.0")
    for _ in range(PRUNED_AT_ONCE + 5):
        record(store, "app:1.0")
    store.acknowledge(Selection(query=UpdateQuery()), "person")
    clock.time += 10 * DAY
    record(store, "other:1.0")
    assert store.prune(clock.time - DAY).repeats == PRUNED_AT_ONCE + 5
    assert len(store.notifications(HistoryQuery(limit=100))) == 2


def test_faults_of_the_database_itself_are_named(config: Config, store: Store) -> None:
    ids = [record(store, image) for image in ("a:1", "b:1", "c:1")]
    record(store, "c:1")
    assert store.faults() == ()
    with raw(config) as connection:
        connection.execute(f"UPDATE updates SET series_id = NULL WHERE id = {ids[0]}")
        connection.execute(f"UPDATE updates SET notifications = 1 WHERE id = {ids[2]}")
    assert list(store.faults()) == [
        f"series {store.update(ids[1]).series_id - 1} (library/a) has no update",
        f"update {ids[0]} (docker.io/library/a:1) has no series",
        f"update {ids[2]} (docker.io/library/c:1) counts 1 notifications, the history has 2",
    ]


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_a_row_that_belongs_to_nothing_is_named(config: Config, store: Store) -> None:
    update_id = record(store)
    with raw(config) as connection:
        connection.execute(f"UPDATE updates SET series_id = 99 WHERE id = {update_id}")
    assert f"row {update_id} of updates belongs to a row of series that is not there" in store.faults()
