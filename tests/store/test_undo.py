"""Taking a whole action back, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from diundashboard.model import NEXT_VERSION, Action, Selection, State, UpdateQuery
from diundashboard.store import Conflict, Store
from tests.conftest import Clock
from tests.store.asking import DAY, DIGEST, OTHER, record
from tests.updates import actions

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def test_an_undo_takes_the_whole_action_back(store: Store) -> None:
    ids = tuple(record(store, f"app{number}:{version}") for number in range(3) for version in ("1.0", "2.0"))
    before = [store.update(update_id) for update_id in ids]
    action = store.acknowledge(Selection(query=UpdateQuery()), "person")
    assert (action.count, action.by, action.verb) == (3, "person", "acknowledge")
    assert store.updates(UpdateQuery()).total == 0
    assert store.undo(action.id, "other").undone
    assert [store.update(update_id) for update_id in ids] == before
    with pytest.raises(Conflict):
        store.undo(action.id, "other")


def test_an_undo_leaves_alone_what_has_changed_since(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    action = store.acknowledge(Selection((first, second)), "early")
    store.reopen(Selection((first,)), "person")
    store.acknowledge(Selection((first,)), "late")
    store.undo(action.id, "person")
    assert store.update(first).acknowledged_by == "late"
    assert store.update(second).state == State.PENDING


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (lambda store, one: store.annotate(one, "early", ""), lambda store, one: store.annotate(one, "late", "")),
        (lambda store, one: store.snooze(one, NEXT_VERSION, ""), lambda store, one: store.snooze(one, LATER, "")),
        (
            lambda store, one: store.mute(one, True, ""),
            lambda store, one: (store.mute(one, False, ""), store.mute(one, True, "")),
        ),
        (lambda store, one: store.say_running(one.ids[0], "1.1", ""), lambda store, one: say(store, one, "1.2")),
        (lambda store, one: store.say_running(one.ids[0], "1.1", ""), lambda store, one: say(store, one, "")),
        (lambda store, one: store.tag_updates(one, "early", ""), lambda store, one: store.tag_updates(one, "late", "")),
        (lambda store, one: store.tag_updates(one, "early", ""), lambda store, one: store.tag_updates(one, None, "")),
        (lambda store, one: store.tag_updates(one, None, ""), lambda store, one: store.tag_updates(one, "late", "")),
    ],
    ids=["note", "snooze", "mute", "running", "no longer running", "tag", "untag", "tag after all"],
)
def test_an_undo_leaves_a_later_word_alone(
    store: Store, early: Callable[[Store, Selection], Action], late: Callable[[Store, Selection], object]
) -> None:
    one = Selection((record(store, "nginx:1.27.0"),))
    action = early(store, one)
    late(store, one)
    before = store.update(one.ids[0])
    store.undo(action.id, "person")
    assert store.update(one.ids[0]) == before


def say(store: Store, one: Selection, version: str) -> None:
    store.say_running(one.ids[0], version, "")


def test_what_an_undo_left_alone_stays_in_the_history(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    action = store.acknowledge(Selection((first, second)), "early")
    store.reopen(Selection((first,)), "")
    store.undo(action.id, "")
    assert [known.verb for known in actions(store, first)] == ["reopen", "acknowledge"]
    assert [known.undone for known in actions(store, second)] == [True]


def test_a_version_reopened_after_a_rebuild_does_not_run(store: Store) -> None:
    store.acknowledge(Selection((record(store, "nginx:1.28.0"),)), "person")
    update_id = record(store, "nginx:1.29.0")
    first = store.acknowledge(Selection((update_id,)), "person")
    record(store, "nginx:1.29.0", digest=OTHER)
    second = store.acknowledge(Selection((update_id,)), "person")
    store.undo(second.id, "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("rebuild", "1.29.0")
    reopened = store.acknowledge(Selection((update_id,)), "person") and store.reopen(Selection((update_id,)), "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("minor", "1.28.0")
    store.undo(reopened.id, "person")
    assert store.update(record(store, "nginx:1.30.0")).from_version == "1.29.0"
    record(store, "nginx:1.29.0", digest=DIGEST)
    store.undo(first.id, "person")
    assert store.update(update_id).from_version == "1.29.0", "the first word is no longer the last"


def test_an_undo_also_undoes_what_ran_before_a_rebuild(store: Store) -> None:
    store.acknowledge(Selection((record(store, "nginx:1.28.0"),)), "person")
    update_id = record(store, "nginx:1.29.0")
    action = store.acknowledge(Selection((update_id,)), "person")
    record(store, "nginx:1.29.0", digest=OTHER)
    store.undo(action.id, "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("minor", "1.28.0")


def test_two_done_marks_undone_leave_what_ran_before_in_either_order(store: Store) -> None:
    for image, order in (("a", (0, 1)), ("b", (1, 0))):
        update_id = record(store, f"{image}:1")
        record(store, f"{image}:2")
        done = [store.acknowledge(Selection((update_id,)), "")]
        record(store, f"{image}:1", digest=OTHER)
        done.append(store.acknowledge(Selection((update_id,)), ""))
        (newest,) = store.updates(UpdateQuery(search=f"library/{image}")).updates
        assert newest.from_version == "1"
        for number in order:
            store.undo(done[number].id, "")
        assert store.update(newest.id).from_version == "", order


def test_a_reopening_can_be_undone(store: Store) -> None:
    update_id = record(store)
    store.acknowledge(Selection((update_id,)), "person")
    done = store.update(update_id)
    store.undo(store.reopen(Selection((update_id,)), "other").id, "other")
    assert store.update(update_id) == done


def test_what_is_done_again_is_counted_once_when_the_reopening_is_undone(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    store.acknowledge(Selection((first, second)), "")
    reopened = store.reopen(Selection((first, second)), "")
    store.acknowledge(Selection((first,)), "")
    store.undo(reopened.id, "")
    assert sum(store.summary().done) == 2


def test_reopening_and_undoing_that_leaves_everything_as_it_was(store: Store) -> None:
    for version in ("1.0.0", "1.1.0", "1.1.1", "2.0.0"):
        store.acknowledge(Selection((record(store, f"app:{version}"),)), "person")
    record(store, "app:2.1.0")
    everything = UpdateQuery(state=None, fold=False)
    before, done = store.updates(everything).updates, store.insights().notifications
    reopened = store.reopen(Selection(query=UpdateQuery(state=State.ACKNOWLEDGED)), "person")
    assert {update.kind for update in store.updates(everything).updates} == {"new"}
    store.undo(reopened.id, "person")
    assert store.updates(everything).updates == before
    assert (store.insights().notifications, store.summary().done[-1]) == (done, 4)


def test_undoing_a_reopening_restores_what_ran_although_another_digest_came(store: Store) -> None:
    update_id = record(store, "a:1")
    store.acknowledge(Selection((update_id,)), "")
    reopened = store.reopen(Selection((update_id,)), "")
    record(store, "a:1", digest=OTHER)
    newer = record(store, "a:2")
    assert store.update(newer).from_version == ""
    store.undo(reopened.id, "")
    assert store.update(newer).from_version == "1"
    assert store.update(update_id).state == State.PENDING


@pytest.mark.parametrize("rebuilt", [False, True])
def test_undoing_a_reopening_does_not_restore_a_done_mark_that_was_undone(store: Store, rebuilt: bool) -> None:
    update_id = record(store, "a:1")
    done = store.acknowledge(Selection((update_id,)), "")
    reopened = store.reopen(Selection((update_id,)), "")
    if rebuilt:
        record(store, "a:1", digest=OTHER)
    newer = record(store, "a:2")
    store.undo(done.id, "")
    store.undo(reopened.id, "")
    assert store.update(update_id).state == State.PENDING
    assert store.update(newer).from_version == ""


def test_undoing_a_reopening_keeps_what_was_done_since(store: Store, clock: Clock) -> None:
    update_id = record(store, "a:1")
    store.acknowledge(Selection((update_id,)), "first")
    reopened = store.reopen(Selection((update_id,)), "")
    again = store.acknowledge(Selection((update_id,)), "second")
    store.undo(reopened.id, "")
    assert store.update(update_id).acknowledged_by == "second"
    newer = record(store, "a:2")
    assert store.update(newer).from_version == "1"
    store.undo(again.id, "")
    assert store.update(update_id).acknowledged_by == "first"
    assert store.update(newer).from_version == "1"


def test_notes_are_undone_in_any_order(store: Store) -> None:
    update_id = record(store)
    x, y = (store.annotate(Selection((update_id,)), note, "") for note in ("x", "y"))
    store.undo(x.id, "")
    assert store.update(update_id).note == "y"
    store.undo(y.id, "")
    assert store.update(update_id).note == ""


def test_undoing_an_unsnooze_does_not_snooze_what_a_new_version_made_pending(store: Store, clock: Clock) -> None:
    update_id = record(store, "a:1")
    store.snooze(Selection((update_id,)), clock.time + DAY, "")
    woken = store.snooze(Selection((update_id,)), None, "")
    newer = record(store, "a:2")
    store.undo(woken.id, "")
    assert store.update(newer).state == State.PENDING


def test_a_renamed_tag_can_be_untagged_by_undo(store: Store) -> None:
    update_id = record(store)
    action = store.tag_updates(Selection((update_id,)), "web", "")
    store.change_tag(store.tags()[0].id, "front", 1)
    store.undo(action.id, "")
    assert store.update(update_id).tag is None


def test_tagging_can_be_undone_with_what_stood_there_before(store: Store) -> None:
    exact, other = record(store, "nginx:1.27.0"), record(store, "nginx:1.28.0")
    web, special = store.create_tag("web"), store.create_tag("special")
    store.assign_tag("nginx", web.id)
    store.assign_tag("nginx:1.27.0", special.id)
    for name in ("new", None):
        action = store.tag_updates(Selection((exact,)), name, "person")
        assert [tag and tag.name for tag in (store.update(exact).tag, store.update(other).tag)] == [name, name]
        store.undo(action.id, "person")
        assert (store.update(exact).tag, store.update(other).tag) == (special, web)


def test_a_tag_that_an_action_created_goes_with_it_unless_it_is_used_otherwise(store: Store) -> None:
    chosen = Selection((record(store),))
    for name in ("a", "ruling", "kept"):
        action = store.tag_updates(chosen, name, "person")
        (tag,) = (tag for tag in store.tags() if tag.name == name)
        if name == "ruling":
            store.create_rule("ghcr.io/*", tag.id)
        if name == "kept":
            store.assign_tag("redis", tag.id)
        store.undo(action.id, "person")
        assert [tag.name for tag in store.tags()] == {"a": [], "ruling": ["ruling"], "kept": ["kept", "ruling"]}[name]
    store.undo(store.tag_updates(chosen, "kept", "person").id, "person")
    assert len(store.tags()) == 2


def test_what_another_done_mark_says_outlives_an_undo_after_a_merge(store: Store) -> None:
    first = record(store, "a:1", hostname="old")
    second = record(store, "a:1")
    store.acknowledge(Selection((second,)), "")
    undone = store.acknowledge(Selection((first,)), "")
    ids = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(ids["old"], ids["nas"])
    store.undo(undone.id, "")
    newer = record(store, "a:2")
    assert store.update(second).state == State.ACKNOWLEDGED
    assert store.update(newer).from_version == "1"


def test_one_action_on_two_hosts_is_undone_whole_after_they_were_merged(store: Store) -> None:
    for hostname, version in (("x", "1"), ("y", "2"), ("x", "3")):
        record(store, f"app:{version}", hostname=hostname)
    done = store.acknowledge(Selection(query=UpdateQuery(fold=False)), "")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    store.undo(done.id, "")
    assert [(update.version, update.older) for update in store.updates(UpdateQuery()).updates] == [("3", 2)]


def test_the_last_action_is_the_newest_of_a_person_that_can_be_undone(store: Store, clock: Clock) -> None:
    assert store.last_action(None, clock.time - DAY) is None
    ids = [record(store, f"{name}:1") for name in "abc"]
    made = [store.acknowledge(Selection((each,)), name) for each, name in zip(ids, ("x", "y", "x"), strict=True)]
    start = made[0].at
    assert store.last_action(None, start) == store.last_action("x", start) == store.action(made[2].id)
    assert store.last_action("y", start) == made[1]
    assert store.last_action("z", start) is None
    assert store.last_action("y", made[2].at) is None
    store.undo(made[2].id, "x")
    assert store.last_action("x", start) == made[0]
    assert store.last_action(None, start) == made[1]
    store.undo(made[0].id, "x")
    assert store.last_action("x", start) is None
    store.forget_host(store.hosts()[0].id)
    assert store.last_action(None, start) is None
