"""What people do with updates: mark as done, reopen, snooze, mute, annotate, set what runs, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from diundashboard.model import NEXT_VERSION, Cause, Invalid, Selection, State, UpdateQuery
from diundashboard.store import NotFound, Store
from tests.conftest import Clock
from tests.store.asking import OTHER, images, record, versions
from tests.updates import actions


@pytest.mark.parametrize("again", [1, 2])
def test_marking_as_done_twice_keeps_the_first_time_and_person(store: Store, clock: Clock, again: int) -> None:
    update_id = record(store)
    assert store.acknowledge(Selection((update_id,)), "first").count == 1
    at = clock.time
    for _ in range(again):
        assert store.acknowledge(Selection((update_id,)), "later").count == 0
    update = store.update(update_id)
    assert (update.acknowledged_at, update.acknowledged_by) == (at, "first")


def test_a_done_update_can_be_reopened(store: Store) -> None:
    update_id = record(store)
    assert store.reopen(Selection((update_id,)), "").count == 0
    store.acknowledge(Selection((update_id,)), "person")
    assert store.reopen(Selection((update_id, update_id)), "").count == 1
    update = store.update(update_id)
    assert (update.state, update.acknowledged_at, update.acknowledged_by) == (State.PENDING, None, "")


def test_the_newest_done_supersedes_those_below_until_it_is_reopened(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.27.0", "1.28.0", "1.29.0")]
    assert store.acknowledge(Selection((ids[2],)), "person").count == 1
    assert [store.update(update_id).state for update_id in ids] == ["superseded", "superseded", "acknowledged"]
    assert versions(store, UpdateQuery(state=State.SUPERSEDED)) == ["1.28.0", "1.27.0"]
    assert [choice.count for choice in store.choices(UpdateQuery()).state] == [0, 0, 1, 0, 1]
    store.reopen(Selection((ids[2],)), "person")
    assert {store.update(update_id).state for update_id in ids} == {State.PENDING}


def test_reopening_invents_nothing_that_ran(store: Store) -> None:
    store.acknowledge(Selection((record(store, "nginx:1.5.0"),)), "person")
    ids = [record(store, f"nginx:{version}") for version in ("1.6.0", "1.7.0", "1.8.0")]
    store.acknowledge(Selection((ids[2],)), "person")
    store.reopen(Selection((ids[2],)), "person")
    (row,) = store.updates(UpdateQuery()).updates
    assert (row.version, row.from_version, row.kind, row.older) == ("1.8.0", "1.5.0", "minor", 2)


def test_a_pre_release_hides_no_release_and_is_done_apart(store: Store) -> None:
    store.acknowledge(Selection((record(store, "nginx:1.0.0"),)), "person")
    for version in ("1.0.1", "1.1.0", "2.0.0-rc1", "2.0.0-rc2"):
        record(store, f"nginx:{version}")
    rows = store.updates(UpdateQuery()).updates
    assert [(row.version, row.kind, row.older) for row in rows] == [("2.0.0-rc2", "major", 1), ("1.1.0", "minor", 1)]
    assert [[each.version for each in store.older(row.id)] for row in rows] == [["2.0.0-rc1"], ["1.0.1"]]
    assert [choice.count for choice in store.choices(UpdateQuery()).state] == [2, 0, 1, 0, 2]
    store.acknowledge(Selection((rows[1].id,)), "person")
    assert versions(store) == ["2.0.0-rc2"]


def test_what_is_superseded_says_how_the_running_version_is_known_and_since_when(store: Store) -> None:
    low, high = (record(store, f"nginx:{version}") for version in ("1.27.0", "1.29.0"))
    assert (store.update(low).running_cause, store.update(low).running_at) == (None, None)

    def known() -> tuple[str, str | None, datetime | None]:
        update = store.update(low)
        return update.running_version, update.running_cause, update.running_at

    done = store.acknowledge(Selection((high,)), "person")
    assert known() == ("1.29.0", Cause.DONE, done.at)
    assert (store.update(high).running_cause, store.update(high).running_at) == (Cause.DONE, None)
    said = store.say_running(low, "1.28.0", "person")
    assert known() == ("1.28.0", Cause.PERSON, said.at)
    record(store, "nginx:1.27.0", digest=OTHER, metadata={"current": f"1.30.0@{OTHER}"})
    assert known() == ("1.30.0", Cause.LABEL, store.update(low).received_at)


def test_what_is_rebuilt_below_the_running_version_asks_for_nothing(store: Store, clock: Clock) -> None:
    old = record(store, "nginx:1.0.0")
    store.acknowledge(Selection((record(store, "nginx:1.7.0"),)), "person")
    newest = record(store, "nginx:1.8.0")
    store.snooze(Selection((newest,)), clock.time + timedelta(days=30), "person")
    record(store, "nginx:1.0.0", digest=OTHER)
    assert store.update(old).state == State.SUPERSEDED
    assert store.update(newest).state == State.SNOOZED
    assert store.summary().pending == store.updates(UpdateQuery()).total == 0


def test_an_older_one_done_leaves_the_newer_pending_and_counts_from_it(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.27.0", "1.28.0", "1.29.1")]
    store.acknowledge(Selection((ids[1],)), "person")
    assert [store.update(update_id).state for update_id in ids] == ["superseded", "acknowledged", "pending"]
    update = store.update(ids[2])
    assert (update.kind, update.from_version, update.older) == ("minor", "1.28.0", 0)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.0.0", "major"),
        ("1.28.0", "minor"),
        ("1.27.1", "patch"),
        ("1.27.0.1", "build"),
        ("1.26.9", "older"),
        ("1.28.0-alpine", "new"),
        ("latest", "new"),
    ],
)
def test_the_kind_counts_from_the_highest_version_that_is_done(store: Store, version: str, kind: str) -> None:
    done = record(store, "nginx:1.27.0")
    store.acknowledge(Selection((done,)), "person")
    update = store.update(record(store, f"nginx:{version}"))
    assert (update.kind, update.from_version) == (kind, "" if kind == "new" else "1.27.0")
    assert update.state == (State.SUPERSEDED if kind == "older" else State.PENDING)


def test_what_was_done_runs_also_after_it_was_rebuilt(store: Store) -> None:
    for version in ("1.28.0", "1.29.0"):
        store.acknowledge(Selection((record(store, f"nginx:{version}"),)), "person")
    rebuilt = store.update(record(store, "nginx:1.29.0", digest=OTHER))
    assert (rebuilt.state, rebuilt.kind, rebuilt.from_version) == (State.PENDING, "rebuild", "1.29.0")
    newer = store.update(record(store, "nginx:1.30.0"))
    assert (newer.kind, newer.from_version, newer.older) == ("minor", "1.29.0", 1)


def test_of_versions_that_compare_equal_the_later_seen_runs_also_when_the_other_is_rebuilt(store: Store) -> None:
    first, second = record(store, "a:1.2"), record(store, "a:1.02")
    store.acknowledge(Selection((first, second)), "")
    record(store, "a:1.2", digest=OTHER)
    store.acknowledge(Selection((first,)), "")
    assert store.update(record(store, "a:1.3")).from_version == "1.02"


def test_reopening_counts_versions_and_the_rest_counts_rows(store: Store) -> None:
    ids = tuple(record(store, f"a:{version}") for version in range(3))
    assert store.acknowledge(Selection(ids), "").count == 1
    reopened = store.reopen(Selection(ids), "")
    assert (reopened.count, reopened.label) == (3, "")
    assert store.reopen(Selection((ids[0],)), "").count == 0


def test_a_person_says_what_runs_and_the_kinds_count_from_it_at_once(store: Store) -> None:
    update_id = record(store, "nginx:1.29.0")
    action = store.say_running(update_id, "1.27.0", "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("minor", "1.27.0")
    store.undo(action.id, "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("new", "")
    store.say_running(update_id, "0.1", "person")
    store.say_running(update_id, "", "person")
    assert store.update(update_id).from_version == ""
    for version in ("latest", "1.27.0-alpine"):
        with pytest.raises(Invalid, match=version):
            store.say_running(update_id, version, "person")


def test_a_label_says_what_runs(store: Store) -> None:
    update_id = record(store, "nginx:1.29.0", metadata={"current": "1.28.9"})
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("minor", "1.28.9")


def test_the_last_word_says_what_runs(store: Store) -> None:
    first, second = record(store, "nginx:1.27.0"), record(store, "nginx:1.28.0")
    store.acknowledge(Selection((second,)), "")
    store.say_running(second, "1.27.0", "")
    third = record(store, "nginx:1.28.1")
    assert store.update(third).from_version == "1.27.0"
    store.acknowledge(Selection((third,)), "")
    assert store.update(record(store, "nginx:1.29.0")).from_version == "1.28.1"
    assert store.update(first).state == State.SUPERSEDED


def test_a_label_that_repeats_itself_does_not_undo_what_was_done(store: Store) -> None:
    done = record(store, "nginx:1.29.0", metadata={"current": "1.27.0"})
    store.acknowledge(Selection((done,)), "")
    newer = store.update(record(store, "nginx:1.30.0", metadata={"current": "1.27.0"}))
    assert (newer.from_version, store.update(done).state) == ("1.29.0", State.ACKNOWLEDGED)


def test_what_runs_by_its_label_needs_nothing_until_it_is_rebuilt(store: Store) -> None:
    update_id = record(store, "nginx:10.9.0", metadata={"current": "10.9.0"})
    assert store.update(update_id).state == State.SUPERSEDED
    record(store, "nginx:10.9.0", metadata={"current": "10.9.0"}, digest=OTHER)
    assert (store.update(update_id).state, store.update(update_id).kind) == (State.PENDING, "rebuild")


def test_the_running_version_that_was_set_stays_when_a_lower_one_is_done_later(store: Store) -> None:
    low = record(store, "nginx:1.28.0")
    store.say_running(low, "1.29.0", "")
    store.acknowledge(Selection((low,)), "")
    assert store.update(record(store, "nginx:1.30.0")).from_version == "1.29.0"


def test_snoozed_until_a_time_then_pending_again(store: Store, clock: Clock) -> None:
    update_id = record(store)
    until = clock.time + timedelta(days=1)
    assert store.snooze(Selection((update_id,)), until, "person").count == 1
    assert store.update(update_id).state == State.SNOOZED
    assert store.update(update_id).snoozed_until == until
    assert images(store, UpdateQuery(state=State.SNOOZED)) == ["docker.io/library/nginx:1.27.0"]
    assert images(store, UpdateQuery()) == []
    clock.time = until
    assert store.update(update_id).state == State.PENDING
    assert store.update(update_id).snoozed_until is None


@pytest.mark.parametrize(
    ("image", "news", "ends"),
    [
        ("nginx:1.27.0", {"image": "nginx:1.28.0"}, True),
        ("nginx:1.27.0", {"image": "nginx:1.26.0"}, False),
        ("nginx:1.27.0", {"image": "nginx:1.27.0", "digest": OTHER}, False),
        ("nginx:latest", {"image": "nginx:latest", "digest": OTHER}, True),
    ],
)
def test_the_next_version_ends_a_snooze(store: Store, image: str, news: dict[str, str], ends: bool) -> None:
    update_id = record(store, image)
    store.snooze(Selection((update_id,)), NEXT_VERSION, "person")
    record(store, image)
    assert store.update(update_id).state == State.SNOOZED
    record(store, **news)
    assert store.updates(UpdateQuery()).total == ends


def test_a_snooze_can_be_ended_and_undone(store: Store) -> None:
    update_id = record(store)
    snoozed = store.snooze(Selection((update_id,)), NEXT_VERSION, "person")
    woken = store.snooze(Selection((update_id,)), None, "person")
    assert store.update(update_id).state == State.PENDING
    store.undo(woken.id, "person")
    assert store.update(update_id).state == State.SNOOZED
    store.undo(snoozed.id, "person")
    assert store.update(update_id).state == State.PENDING


def test_muted_stays_muted_whatever_arrives_until_it_is_unmuted(store: Store) -> None:
    update_id = record(store)
    action = store.mute(Selection((update_id,)), True, "person")
    record(store, digest=OTHER)
    record(store, "nginx:1.28.0")
    elsewhere = record(store, hostname="other")
    assert versions(store, UpdateQuery(state=State.MUTED)) == ["1.28.0"]
    assert [update.id for update in store.updates(UpdateQuery()).updates] == [elsewhere]
    assert store.mute(Selection((update_id,)), True, "person").count == 0
    store.undo(action.id, "person")
    assert sorted(versions(store)) == ["1.27.0", "1.28.0"]


def test_what_was_done_before_it_was_muted_is_shown_under_muted(store: Store) -> None:
    update_id = record(store)
    store.acknowledge(Selection((update_id,)), "")
    store.mute(Selection((update_id,)), True, "")
    assert versions(store, UpdateQuery(state=State.MUTED)) == ["1.27.0"]
    assert versions(store, UpdateQuery(state=State.ACKNOWLEDGED)) == []
    store.mute(Selection((update_id,)), False, "")
    assert versions(store, UpdateQuery(state=State.ACKNOWLEDGED)) == ["1.27.0"]


def test_a_note_stays_with_the_series(store: Store) -> None:
    update_id = record(store)
    action = store.annotate(Selection((update_id,)), " wait for the backup ", "person")
    assert store.update(record(store, "nginx:1.28.0")).note == "wait for the backup"
    store.undo(action.id, "person")
    assert store.update(update_id).note == ""
    with pytest.raises(Invalid):
        store.annotate(Selection((update_id,)), "x" * 1001, "person")


def test_an_action_names_what_it_was_for(store: Store) -> None:
    update_id = record(store, "ghcr.io/immich-app/immich-server:v1")
    assert store.acknowledge(Selection((update_id,)), "").label == "immich-server on nas"


def test_an_action_on_an_older_version_says_which(store: Store) -> None:
    ids = [record(store, f"app:{version}") for version in ("1.0", "1.1", "1.2")]
    done = store.acknowledge(Selection((ids[1],)), "person")
    assert done.label == "app 1.1 on nas"
    assert [action.label for action in actions(store, ids[2])] == ["1.1"]
    assert store.mute(Selection((ids[2],)), True, "person").label == "app on nas"
    assert store.acknowledge(Selection((ids[2],)), "person").label == "app on nas"
    assert record(store, "app:3", hostname="") != ids[0]
    assert store.acknowledge(Selection(query=UpdateQuery(host=("",))), "").label == "app on unnamed host"


def test_nothing_done_is_no_action(store: Store) -> None:
    update_id = record(store)
    assert store.reopen(Selection((update_id,)), "").id == 0
    assert actions(store, update_id) == []
    with pytest.raises(NotFound):
        store.undo(4711, "")
