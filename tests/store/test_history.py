"""The history: notifications, timelines, and earlier digests, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from diundashboard.model import Action, HistoryQuery, Invalid, Received, Selection
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import OTHER, record
from tests.updates import actions


def test_the_history_has_everything_newest_first(store: Store) -> None:
    update_id = record(store, "nginx:1")
    store.acknowledge(Selection((update_id,)), "")
    record(store, "nginx:1", digest=OTHER)
    record(store, "ghcr.io/x/Redis:7", hostname="pi")
    history = store.notifications(HistoryQuery())
    assert [(each.image, each.kind, each.host) for each in history] == [
        ("ghcr.io/x/Redis:7", "new", "pi"),
        ("docker.io/library/nginx:1", "rebuild", "nas"),
        ("docker.io/library/nginx:1", "new", "nas"),
    ]
    assert history[1].update_id == update_id


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (HistoryQuery(host="pi"), 1),
        (HistoryQuery(kind="rebuild"), 1),
        (HistoryQuery(search="REDIS pi"), 1),
        (HistoryQuery(search="nginx pi"), 0),
        (HistoryQuery(search="%"), 0),
        (HistoryQuery(limit=2), 2),
    ],
    ids=str,
)
def test_the_history_is_filtered(store: Store, query: HistoryQuery, count: int) -> None:
    record(store, "nginx:1")
    record(store, "nginx:1", digest=OTHER)
    record(store, "ghcr.io/x/Redis:7", hostname="pi")
    assert len(store.notifications(query)) == count


def acted(store: Store) -> dict[int, str]:
    """Four actions on two hosts, by their ids."""
    nginx = record(store, "nginx:1")
    redis = record(store, "ghcr.io/x/Redis:7", hostname="pi")
    first = store.acknowledge(Selection((nginx,)), "Ärnold")
    second = store.tag_updates(Selection((redis,)), "Größe", "bob")
    third = store.mute(Selection((nginx, redis)), True, "bob")
    fourth = store.annotate(Selection((redis,)), "nginx", "bob")
    return {first.id: "done", second.id: "tagged", third.id: "muted", fourth.id: "noted"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (HistoryQuery(), ["noted", "muted", "tagged", "done"]),
        (HistoryQuery(host="nas"), ["muted", "done"]),
        (HistoryQuery(host="nowhere"), []),
        (HistoryQuery(search="NGINX"), ["muted", "done"]),
        (HistoryQuery(search="redis pi"), ["noted", "muted", "tagged"]),
        (HistoryQuery(search="ärn"), ["done"]),
        (HistoryQuery(search="GRÖSSE bob"), ["tagged"]),
        (HistoryQuery(search="bob", host="nas"), ["muted"]),
        (HistoryQuery(search="%"), []),
        (HistoryQuery(limit=2), ["noted", "muted"]),
    ],
    ids=str,
)
def test_what_people_did_is_listed_newest_first_and_found(store: Store, query: HistoryQuery, found: list[str]) -> None:
    names = acted(store)
    assert [names[each.id] for each in store.actions(query)] == found


def test_what_people_did_is_named_and_paged(store: Store) -> None:
    acted(store)
    newest = store.actions(HistoryQuery(limit=2))
    assert [each.label for each in newest] == ["Redis on pi", ""]
    rest = store.actions(HistoryQuery(before=newest[-1].id))
    assert [(each.verb, each.label) for each in rest] == [("tag", "Redis on pi"), ("acknowledge", "nginx on nas")]
    assert newest + rest == store.actions(HistoryQuery())


def test_what_was_undone_says_by_whom_and_cannot_be_undone_again(store: Store, clock: Clock) -> None:
    acted(store)
    noted, muted, *_ = store.actions(HistoryQuery())
    store.undo(noted.id, "alice")
    store.forget_host(store.hosts()[0].id)
    store.forget_host(store.hosts()[0].id)
    after = store.actions(HistoryQuery())
    assert (after[0].undone, after[0].undone_by, after[0].undone_at is not None) == (True, "alice", True)
    assert (after[1].id, after[1].undone, after[1].undone_by) == (muted.id, False, "")
    assert not any(each.can_undo for each in after), "nothing is left of what was changed"


def test_pages_of_the_history_follow_each_other(store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    for number in range(5):
        record(store, f"app:{number}")
    first = store.notifications(HistoryQuery(limit=2))
    record(store, "late:1")
    second = store.notifications(HistoryQuery(limit=2, before=first[-1].id))
    assert [each.image[-1] for each in first + second] == ["4", "3", "2", "1"]
    assert store.notifications(HistoryQuery(before=store.notifications(HistoryQuery())[-1].id)) == ()
    with pytest.raises(Invalid):
        HistoryQuery(limit=0)


def test_the_timeline_has_what_came_and_what_was_done(store: Store) -> None:
    first, second = record(store, "a:1.0"), record(store, "a:2.0")
    store.annotate(Selection((second,)), "careful", "person")
    record(store, "a:1.0")
    timeline = store.timeline(first)
    assert [getattr(each, "verb", None) or getattr(each, "image", "")[-3:] for each in timeline] == [
        "1.0",
        "note",
        "2.0",
        "1.0",
    ]


def test_the_timeline_is_read_from_any_place_on(store: Store) -> None:
    update_id = record(store, "a:1")
    store.annotate(Selection((update_id,)), "first", "")
    record(store, "a:2")
    record(store, "b:1")
    store.acknowledge(Selection((update_id,)), "")
    whole = store.timeline(update_id)
    assert [each.verb if isinstance(each, Action) else each.image[-3:] for each in whole] == [
        "acknowledge",
        "a:2",
        "note",
        "a:1",
    ]
    assert tuple(each for offset in range(5) for each in store.timeline(update_id, offset, 1)) == whole
    assert store.timeline(update_id, 4) == ()
    told = whole[1]
    assert isinstance(told, Received)
    assert store.received(told.id) == told


def test_moments_of_one_time_keep_their_order(store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    update_id = record(store, "a:1")
    for note in ("x", "y"):
        store.annotate(Selection((update_id,)), note, "")
    record(store, "a:1")
    whole = store.timeline(update_id)
    assert [type(each) for each in whole] == [Received, Received, Action, Action]
    assert [each.id for each in whole] == [2, 1, 2, 1]
    assert tuple(each for offset in range(4) for each in store.timeline(update_id, offset, 1)) == whole


def test_what_people_did_is_in_the_history_with_who_and_when(store: Store, clock: Clock) -> None:
    update_id = record(store)
    store.annotate(Selection((update_id,)), "careful", "one")
    store.acknowledge(Selection((update_id,)), "two")
    at = clock.time
    did = actions(store, update_id)
    assert [(action.verb, action.detail, action.by) for action in did] == [
        ("acknowledge", "", "two"),
        ("note", "careful", "one"),
    ]
    assert did[0].at <= at


def test_the_digest_before_is_the_newest_other_one_of_the_update_itself(store: Store) -> None:
    update_id = record(store, "a:1")
    assert store.digest_before(update_id) == ""
    record(store, "a:2", digest=OTHER)
    assert store.digest_before(update_id) == ""
    for digest in ("sha256:x", OTHER, OTHER):
        record(store, "a:1", digest=digest)
    assert store.digest_before(update_id) == "sha256:x"
    assert store.digest_before(4711) == ""
