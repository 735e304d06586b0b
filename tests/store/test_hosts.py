"""Hosts: listed, renamed, merged and forgotten, on both databases."""

from __future__ import annotations

import pytest

from diundashboard.model import NEXT_VERSION, HistoryQuery, Invalid, Selection, State, UpdateQuery
from diundashboard.store import Conflict, NotFound, Store
from tests.conftest import Clock
from tests.store.asking import DAY, OTHER, record
from tests.updates import actions, heard


def test_every_host_is_listed_with_what_waits_there(store: Store, clock: Clock) -> None:
    record(store, "a:1", hostname="nas", provider="docker", diun_version="4.33.0")
    first = clock.time
    record(store, "b:1", hostname="nas", provider="docker", diun_version="4.34.0")
    last = clock.time
    store.acknowledge(Selection((record(store, "c:1", hostname="Pi"),)), "")
    nas, pi = store.hosts()
    assert (nas.hostname, nas.name, nas.kinds, nas.pending) == ("nas", "nas", {"new": 2}, 2)
    assert (nas.first_heard_at, nas.last_heard_at, nas.notifications) == (first, last, 2)
    assert (nas.provider, nas.diun_version, nas.merged) == ("docker", "4.34.0", ())
    assert (pi.hostname, pi.pending) == ("Pi", 0)


def test_a_host_that_is_silent_for_longer_than_usual_is_marked(store: Store, clock: Clock) -> None:
    start = clock.time
    for days in (0, 1, 3, 6, 8, 10):
        clock.time = start + days * DAY
        record(store, f"a:{days}")
    assert (store.hosts()[0].usual_gap, store.hosts()[0].silent) == (3 * DAY, False)
    clock.time = start + 13 * DAY
    assert not store.hosts()[0].silent
    clock.time = start + 15 * DAY
    assert store.hosts()[0].silent


def test_a_host_of_a_few_days_is_never_silent(store: Store, clock: Clock) -> None:
    record(store)
    clock.time += 400 * DAY
    assert (store.hosts()[0].usual_gap, store.hosts()[0].silent) == (None, False)


@pytest.mark.parametrize(("hostname", "hint"), [("7c1f0a9b3e55", True), ("nas", False), ("7C1F0A9B3E55", False)])
def test_a_hostname_that_is_a_container_id_is_known_as_one(store: Store, hostname: str, hint: bool) -> None:
    record(store, hostname=hostname)
    assert store.hosts()[0].looks_like_a_container == hint


def test_a_host_can_be_called_by_another_name(store: Store) -> None:
    update_id = record(store)
    host = store.hosts()[0]
    store.rename_host(host.id, " Cellar ")
    assert store.hosts()[0].name == store.update(update_id).host == "Cellar"
    assert store.update(update_id).hostname == "nas"
    store.rename_host(host.id, "")
    assert store.update(update_id).host == "nas"
    with pytest.raises(Invalid):
        store.rename_host(host.id, "x" * 101)


def test_a_host_is_found_by_the_name_that_it_was_given(store: Store) -> None:
    record(store, "a:1", hostname="ds920")
    record(store, "a:1", hostname="pi")
    ds920 = next(host.id for host in store.hosts() if host.hostname == "ds920")
    store.rename_host(ds920, "Großer Speicher")

    def found(search: str) -> set[str]:
        hosts = {update.hostname for update in store.updates(UpdateQuery(search=search)).updates}
        assert hosts == {"ds920" for each in store.notifications(HistoryQuery(search=search)) if each.host != "pi"}
        return hosts

    assert found("GROSSER a") == {"ds920"}
    assert found("ds920") == {"ds920"}
    store.rename_host(ds920, "")
    assert found("großer") == set()


def test_two_hosts_are_never_given_one_name(store: Store) -> None:
    record(store)
    record(store, hostname="pi")
    ids = {host.hostname: host.id for host in store.hosts()}
    with pytest.raises(Conflict):
        store.rename_host(ids["pi"], " nas ")
    store.rename_host(ids["nas"], "cellar")
    with pytest.raises(Conflict):
        store.rename_host(ids["pi"], "cellar")
    store.rename_host(ids["nas"], "cellar")
    store.rename_host(ids["pi"], "")
    assert [host.name for host in store.hosts()] == ["cellar", "pi"]


def test_a_merged_host_counts_as_the_other_from_then_on(store: Store) -> None:
    old = record(store, "a:1", hostname="7c1f0a9b3e55", metadata={"ctn_names": "x"})
    only_old = record(store, "b:1", hostname="7c1f0a9b3e55")
    new = record(store, "a:1", hostname="nas", digest=OTHER, metadata={"ctn_names": "y"})
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["7c1f0a9b3e55"], hosts["nas"])
    (host,) = store.hosts()
    assert (host.hostname, host.merged, host.notifications) == ("nas", ("7c1f0a9b3e55",), 3)
    with pytest.raises(NotFound):
        store.update(old)
    update = store.update(new)
    assert (update.notifications, update.containers, len(heard(store, new))) == (2, ("x", "y"), 2)
    assert store.update(only_old).hostname == "nas"
    assert store.updates(UpdateQuery()).total == 2
    assert record(store, "b:1", hostname="7c1f0a9b3e55") == only_old
    assert record(store, "c:1", hostname="7c1f0a9b3e55") in [
        u.id for u in store.updates(UpdateQuery(host=("nas",))).updates
    ]


def test_merging_keeps_series_folded_right(store: Store) -> None:
    record(store, "a:1.0", hostname="x")
    record(store, "a:2.0", hostname="y")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    assert [(update.version, update.older) for update in store.updates(UpdateQuery()).updates] == [("2.0", 1)]


def test_what_is_merged_waits_since_the_first_of_both(store: Store, clock: Clock) -> None:
    first = {}
    for image in ("open:1", "done:1", "a:1.0"):
        record(store, image, hostname="x")
        first[image] = clock.time
    store.acknowledge(Selection(query=UpdateQuery(search="done")), "")
    for image in ("open:1", "done:1", "a:2.0"):
        last = record(store, image, hostname="y")
        first.setdefault(image, clock.time)
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    since = {update.image.rpartition("/")[2]: update.waiting_since for update in store.updates(UpdateQuery()).updates}
    # What was done on one and is reported again by the other, with the same digest, is done.
    assert since == {"open:1": first["open:1"], "a:2.0": first["a:1.0"]}
    assert store.update(last).older == 1


def test_merging_keeps_what_people_did_and_how_much_was_heard(store: Store) -> None:
    both = [record(store, "a:1", hostname=hostname) for hostname in ("x", "y")]
    only = record(store, "b:1", hostname="x")
    store.snooze(Selection((only,)), NEXT_VERSION, "person")
    done = store.acknowledge(Selection((both[0],)), "person")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    assert store.update(only).state == State.SNOOZED
    assert [action.verb for action in actions(store, only)] == ["snooze"]
    assert [action.id for action in actions(store, both[1])] == [done.id]
    assert [(noise.name[-1], noise.notifications) for noise in store.insights().noisiest] == [("a", 2), ("b", 1)]
    with pytest.raises(NotFound):
        store.merge_hosts(hosts["y"], hosts["x"])


def test_merging_twice_leads_to_the_last(store: Store) -> None:
    for hostname in ("a", "b", "c"):
        record(store, hostname=hostname)
    ids = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(ids["a"], ids["b"])
    store.merge_hosts(ids["b"], ids["c"])
    record(store, "late:1", hostname="a")
    (host,) = store.hosts()
    assert (host.hostname, host.merged, host.notifications) == ("c", ("a", "b"), 4)


def test_a_forgotten_host_is_gone_and_its_history_stays_until_it_is_heard_again(store: Store) -> None:
    gone = record(store)
    record(store, hostname="other")
    nas = next(host for host in store.hosts() if host.hostname == "nas")
    store.forget_host(nas.id)
    assert [host.hostname for host in store.hosts()] == ["other"]
    assert store.updates(UpdateQuery(state=None)).total == 1
    with pytest.raises(NotFound):
        store.update(gone)
    assert [received.host for received in store.notifications(HistoryQuery())] == ["other", "nas"]
    record(store)
    assert {host.hostname for host in store.hosts()} == {"nas", "other"}


def test_a_forgotten_or_merged_host_is_no_host_any_more(store: Store) -> None:
    for hostname in ("gone", "merged", "stays"):
        record(store, hostname=hostname)
    ids = {host.hostname: host.id for host in store.hosts()}
    store.forget_host(ids["gone"])
    store.merge_hosts(ids["merged"], ids["stays"])
    for no_host in (ids["gone"], ids["merged"]):
        for operate in (
            lambda host: store.merge_hosts(ids["stays"], host),
            lambda host: store.merge_hosts(host, ids["stays"]),
            lambda host: store.rename_host(host, "new"),
            store.forget_host,
        ):
            with pytest.raises(NotFound):
                operate(no_host)
    assert [host.hostname for host in store.hosts()] == ["stays"]


def test_the_days_count_what_the_page_shows_also_after_a_merge_and_a_forgotten_host(store: Store, clock: Clock) -> None:
    start = clock.time
    record(store, "old:1", hostname="y")
    for days, hostname in ((3, "x"), (5, "y")):
        clock.time = start + days * DAY
        for image in ("a:1", "b:1"):
            record(store, image, hostname=hostname)
    store.acknowledge(Selection(query=UpdateQuery(host=("x",), search="library/b")), "")
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 4]
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 2]
    record(store, "c:1", hostname="z")
    (z,) = (host.id for host in store.hosts() if host.hostname == "z")
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 3]
    clock.time += DAY
    store.forget_host(z)
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 3, 2]


def test_a_digest_that_nobody_saw_is_not_done_by_a_merge(store: Store) -> None:
    seen = record(store, "a:1", hostname="x")
    store.acknowledge(Selection((seen,)), "person")
    record(store, "a:1", hostname="y", digest=OTHER)
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    (row,) = store.updates(UpdateQuery()).updates
    assert (row.kind, row.from_version, row.digest) == ("rebuild", "1", OTHER)


def test_after_a_merge_the_last_word_of_both_hosts_counts(store: Store, clock: Clock) -> None:
    x, y = (record(store, "a:1", hostname=hostname) for hostname in ("x", "y"))
    store.annotate(Selection((x,)), "of x", "person")
    store.annotate(Selection((y,)), "of y", "person")
    store.snooze(Selection((y,)), clock.time + DAY, "person")
    store.snooze(Selection((x,)), None, "person")
    store.snooze(Selection((x,)), clock.time + 9 * DAY, "person")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    (row,) = store.updates(UpdateQuery(state=State.SNOOZED)).updates
    assert row.note == "of y"
    assert row.snoozed_until is not None
    assert row.snoozed_until - clock.time > 8 * DAY
