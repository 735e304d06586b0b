"""Finding updates: pages, series, how long they wait, and the version stamp, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from diundashboard.model import Age, Group, Invalid, Selection, Sort, State, UpdateQuery
from diundashboard.store import NotFound, Store
from tests.conftest import Clock
from tests.store.asking import DAY, DIGEST, OTHER, counted, images, record, versions


def test_updates_come_newest_first_and_the_later_recorded_first_at_equal_times(store: Store, clock: Clock) -> None:
    record(store, "a:1")
    clock.step = timedelta(0)
    for image in ("b:1", "c:1", "d:1"):
        record(store, image)
    clock.step = timedelta(seconds=-10)
    record(store, "e:1")
    assert [image[-3:] for image in images(store)] == ["d:1", "c:1", "b:1", "a:1", "e:1"]


def test_pages_are_cut_and_counted(store: Store) -> None:
    for number in range(7):
        record(store, f"app:{number}")
    pages = [store.updates(UpdateQuery(page=number, per_page=3, fold=False)) for number in (1, 2, 3, 4)]
    assert [[update.version for update in page.updates] for page in pages] == [
        ["6", "5", "4"],
        ["3", "2", "1"],
        ["0"],
        [],
    ]
    assert {(page.total, page.pages) for page in pages} == {(7, 3)}


@pytest.mark.parametrize(("page", "per_page"), [(0, 50), (-1, 50), (10**9, 50), (1, 0), (1, -5), (1, 201)])
def test_a_page_that_no_answer_can_have_is_invalid(page: int, per_page: int) -> None:
    with pytest.raises(Invalid):
        UpdateQuery(page=page, per_page=per_page)


def test_updates_are_chosen_by_state(store: Store) -> None:
    done, _ = record(store, "a:1"), record(store, "b:1")
    store.acknowledge(Selection((done,)), "")
    assert images(store, UpdateQuery(state=State.PENDING)) == ["docker.io/library/b:1"]
    assert images(store, UpdateQuery(state=State.ACKNOWLEDGED)) == ["docker.io/library/a:1"]
    assert images(store, UpdateQuery(state=State.SNOOZED)) == images(store, UpdateQuery(state=State.MUTED)) == []
    assert len(images(store)) == 2


def test_the_newest_version_of_a_series_folds_the_older_ones(store: Store) -> None:
    for version in ("1.27.0", "1.29.0", "1.28.0", "1.28.0-alpine", "latest"):
        record(store, f"nginx:{version}")
    record(store, "nginx:1.30.0", hostname="other")
    rows = {(update.host, update.version): update.older for update in store.updates(UpdateQuery()).updates}
    assert rows == {("nas", "1.29.0"): 2, ("nas", "1.28.0-alpine"): 0, ("nas", "latest"): 0, ("other", "1.30.0"): 0}
    assert store.updates(UpdateQuery(fold=False)).total == 6


def test_versions_fold_by_number_and_never_as_text(store: Store) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-rc1"):
        record(store, f"app:{version}")
    assert versions(store) == ["1.10.0"]


def test_what_has_no_order_is_never_folded(store: Store) -> None:
    for version in ("latest", "stable", "sha-1a2b3c4", "sha-5d6e7f8"):
        record(store, f"app:{version}")
    record(store, f"app@{DIGEST}", digest=OTHER)
    assert store.updates(UpdateQuery()).total == 5


def test_every_version_of_a_series_is_listed_the_newest_first(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.10", "1.9", "1.11")]
    assert [update.version for update in store.series(ids[1])] == ["1.11", "1.10", "1.9"]
    with pytest.raises(NotFound):
        store.series(4711)


def test_a_series_has_at_most_a_hundred_versions(store: Store) -> None:
    for number in range(102):
        update_id = record(store, f"a:{number}")
    assert [update.version for update in store.series(update_id)] == [str(number) for number in range(101, 1, -1)]


def test_the_older_versions_are_those_that_are_folded(store: Store) -> None:
    ids = [record(store, f"a:{version}") for version in ("1.0", "2.0", "3.0")]
    assert [update.version for update in store.older(ids[2])] == ["2.0", "1.0"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (UpdateQuery(search="JELLY"), ["jellyfin"]),
        (UpdateQuery(search="  nas   media "), ["jellyfin", "sonarr"]),
        (UpdateQuery(search="größe"), ["sonarr"]),
        (UpdateQuery(search="100%_"), []),
        (UpdateQuery(search="sonarr-4k"), ["sonarr"]),
        (UpdateQuery(host=("pi",)), ["redis"]),
        (UpdateQuery(host=("nowhere",)), []),
        (UpdateQuery(tag=("media",)), ["jellyfin", "sonarr"]),
        (UpdateQuery(tag=("-",)), ["redis"]),
        (UpdateQuery(registry=("ghcr.io",)), ["sonarr"]),
        (UpdateQuery(provider=("docker",)), ["sonarr"]),
        (UpdateQuery(kind=("rebuild",)), ["redis"]),
        (UpdateQuery(age=Age.DAY), ["jellyfin", "redis", "sonarr"]),
        (UpdateQuery(age=Age.OLDER), []),
        (UpdateQuery(host=("nas",), registry=("docker.io",)), ["jellyfin"]),
        (UpdateQuery(host=("nas", "pi")), ["jellyfin", "redis", "sonarr"]),
        (UpdateQuery(host=("nas", "pi"), kind=("new", "rebuild"), registry=("ghcr.io", "r:1")), ["sonarr"]),
        (UpdateQuery(kind=("rebuild", "major")), ["redis"]),
        (UpdateQuery(provider=("", "docker"), host=("nas",)), ["jellyfin", "sonarr"]),
        (UpdateQuery(tag=("-", "media")), ["jellyfin", "redis", "sonarr"]),
        (UpdateQuery(tag=("-", "nowhere")), ["redis"]),
        (UpdateQuery(tag=("nowhere", "media")), ["jellyfin", "sonarr"]),
        (UpdateQuery(stack=("media",)), ["jellyfin", "sonarr"]),
        (UpdateQuery(stack=("", "media"), host=("pi",)), ["redis"]),
    ],
    ids=str,
)
def test_updates_are_found(store: Store, query: UpdateQuery, found: list[str]) -> None:
    record(store, "jellyfin/jellyfin:10.9", metadata={"stack": "media"})
    metadata = {"ctn_names": "sonarr,sonarr-4k", "stack": "media", "x": "GRÖSSE"}
    record(store, "ghcr.io/linuxserver/sonarr:4", provider="docker", metadata=metadata)
    record(store, "redis:7", hostname="pi", status="update")
    page = store.updates(query)
    assert sorted(update.repository.rpartition("/")[2] for update in page.updates) == found
    assert page.total == len(found)


def test_rows_are_sorted_and_grouped(store: Store) -> None:
    for image, host, status in (("b:1", "x", "new"), ("C:1", "y", "update"), ("a:1", "Z", "new")):
        record(store, image, hostname=host, status=status, metadata={"stack": f"s{host}"} if host != "y" else {})

    def names(query: UpdateQuery) -> str:
        return "".join(update.repository[-1] for update in store.updates(query).updates)

    assert names(UpdateQuery(sort=Sort.AGE)) == "aCb"
    assert names(UpdateQuery(sort=Sort.NAME)) == "abC"
    assert names(UpdateQuery(sort=Sort.HOST)) == "bCa"
    assert names(UpdateQuery(sort=Sort.KIND)) == "Cab"
    assert names(UpdateQuery(group=Group.STACK)) == "abC"
    assert names(UpdateQuery(group=Group.TAG)) == "baC"
    assert names(UpdateQuery(group=Group.HOST, sort=Sort.NAME)) == "bCa"
    assert names(UpdateQuery(group=Group.REGISTRY)) == "aCb"


def test_what_is_done_is_sorted_by_when_it_was_done(store: Store) -> None:
    ids = [record(store, f"{name}:1") for name in "abcd"]
    for number in (1, 3, 0):
        store.acknowledge(Selection((ids[number],)), "alice")
    record(store, "b:1")

    def names(query: UpdateQuery) -> str:
        return "".join(update.repository[-1] for update in store.updates(query).updates)

    assert names(UpdateQuery(state=State.ACKNOWLEDGED)) == "adb"
    assert names(UpdateQuery(state=State.ACKNOWLEDGED, sort=Sort.AGE)) == "dba"
    assert names(UpdateQuery(state=State.ACKNOWLEDGED, sort=Sort.NAME)) == "abd"
    assert names(UpdateQuery(state=None, sort=Sort.DONE)) == names(UpdateQuery(state=None)) == "dcba"
    assert names(UpdateQuery(state=State.ACKNOWLEDGED, page=2, per_page=2)) == "b"


def test_pages_of_what_is_done_stay_as_they_are_while_more_is_done(store: Store, clock: Clock) -> None:
    ids = [record(store, f"{name}:1") for name in "abcd"]
    store.acknowledge(Selection(tuple(ids[:2])), "")
    until = clock.time
    store.acknowledge(Selection((ids[2],)), "")
    record(store, "a:1")
    page = store.updates(UpdateQuery(state=State.ACKNOWLEDGED, until=until))
    assert [update.id for update in page.updates] == [ids[1], ids[0]]


def test_an_update_waits_since_the_first_that_nobody_has_done(store: Store, clock: Clock) -> None:
    first = record(store, "app:1.0")
    since = clock.time
    for image, digest in (("app:1.0", OTHER), ("app:1.1", DIGEST)):
        clock.time += timedelta(days=3)
        newest = record(store, image, digest=digest)
    received = clock.time
    assert (store.update(newest).waiting_since, store.update(newest).received_at) == (since, received)
    assert store.summary().oldest == since
    assert [update.waiting_since for update in store.insights().oldest] == [since]

    done = store.acknowledge(Selection((first,)), "")
    assert store.update(newest).waiting_since == received
    store.undo(done.id, "")
    assert store.update(newest).waiting_since == since
    store.acknowledge(Selection((newest,)), "")
    record(store, "app:1.1", digest=OTHER)
    again = store.update(newest)
    assert again.waiting_since == again.received_at > received


@pytest.mark.parametrize(
    ("steps", "since"),
    [
        ("d1 done d2 -0", 1),
        ("d1 done d2 done -1", 2),
        ("d1 done d2 done -1 -0", 1),
        ("d1 done d2 done -0 -1", 1),
        ("d1 done d1 d2", 2),
        ("d1 done open d2 -1", 2),
        ("d1 done open", 1),
        ("d1 d2", 1),
    ],
)
def test_an_update_waits_since_the_first_digest_that_is_not_done_whatever_is_undone(
    store: Store, clock: Clock, steps: str, since: int
) -> None:
    came: dict[str, datetime] = {}
    actions: list[int] = []
    for step in steps.split():
        clock.time += timedelta(days=1)
        if step.startswith("d") and step != "done":
            update_id = record(store, digest=step)
            came.setdefault(step, clock.time)
        elif step in ("done", "open"):
            act = store.acknowledge if step == "done" else store.reopen
            actions.append(act(Selection((update_id,)), "").id)
        else:
            store.undo(actions[int(step[1:])], "")
    update = store.update(update_id)
    assert (update.state, update.waiting_since) == (State.PENDING, came[f"d{since}"])


def test_what_waits_longest_is_found_whatever_came_for_it_since(store: Store, clock: Clock) -> None:
    for days, image in ((0, "a:1.0"), (1, "c:1"), (35, "b:1"), (5, "a:1.1")):
        clock.time += timedelta(days=days)
        record(store, image)
    orders = {Sort.AGE: ("a:1.1", "b:1", "c:1"), Sort.WAITING: ("a:1.1", "c:1", "b:1")}
    for sort, names in orders.items():
        assert images(store, UpdateQuery(sort=sort)) == [f"docker.io/library/{name}" for name in names]
    assert len(images(store, UpdateQuery(age=Age.OLDER))) == 2
    assert counted(store.choices(UpdateQuery()).age) == {"day": 1, "week": 2, "month": 2, "older": 2}


def test_pages_stay_as_they_are_while_new_ones_arrive(store: Store, clock: Clock) -> None:
    for number in range(4):
        record(store, f"app{number}:1")
    until = clock.time
    record(store, "late:1")
    assert images(store, UpdateQuery(until=until, per_page=2, page=2)) == [
        "docker.io/library/app1:1",
        "docker.io/library/app0:1",
    ]


def test_a_selection_is_chosen_by_host_and_name(store: Store) -> None:
    for image, hostname in (("b:1", "y"), ("a:1", "y"), ("c:1", "X")):
        record(store, image, hostname=hostname)
    chosen = store.chosen(Selection(query=UpdateQuery()))
    assert [update.repository[-1] for update in chosen] == ["c", "a", "b"]


def test_the_stamp_changes_with_all_that_a_page_shows(store: Store, clock: Clock) -> None:
    stamps = [store.stamp()]

    def changed() -> bool:
        stamps.append(store.stamp())
        return stamps[-1] not in stamps[:-1]

    assert not changed()
    update_id = record(store)
    assert changed()
    record(store)
    assert changed()
    action = store.acknowledge(Selection((update_id,)), "")
    assert changed()
    store.undo(action.id, "")
    assert changed()
    store.create_tag("web")
    assert changed()
    store.rename_host(store.hosts()[0].id, "x")
    assert changed()
    store.snooze(Selection((update_id,)), clock.time + DAY, "")
    assert changed()
    clock.time += 2 * DAY
    assert changed()
    assert store.update(update_id).state == State.PENDING
