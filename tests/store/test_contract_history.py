"""What a Store promises about hosts, the history, insights, rules and views, held against both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from diundashboard.model import (
    NEXT_VERSION,
    HistoryQuery,
    Invalid,
    Refusal,
    Selection,
    State,
    UpdateQuery,
)
from diundashboard.store import Conflict, NotFound, Store
from tests.conftest import Clock
from tests.store.test_contract import OTHER, record
from tests.updates import actions, heard

DAY = timedelta(days=1)


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
        u.id for u in store.updates(UpdateQuery(host="nas")).updates
    ]


def test_merging_keeps_series_folded_right(store: Store) -> None:
    record(store, "a:1.0", hostname="x")
    record(store, "a:2.0", hostname="y")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    assert [(update.version, update.older) for update in store.updates(UpdateQuery()).updates] == [("2.0", 1)]


def test_one_action_on_two_hosts_is_undone_whole_after_they_were_merged(store: Store) -> None:
    for hostname, version in (("x", "1"), ("y", "2"), ("x", "3")):
        record(store, f"app:{version}", hostname=hostname)
    done = store.acknowledge(Selection(query=UpdateQuery(fold=False)), "")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    store.undo(done.id, "")
    assert [(update.version, update.older) for update in store.updates(UpdateQuery()).updates] == [("3", 2)]


def test_what_goes_with_a_host_never_waited(store: Store, clock: Clock) -> None:
    start = clock.time
    record(store, "old:1", hostname="y")
    for days, hostname in ((3, "x"), (5, "y")):
        clock.time = start + days * DAY
        for image in ("a:1", "b:1"):
            record(store, image, hostname=hostname)
    store.acknowledge(Selection(query=UpdateQuery(host="x", search="library/b")), "")
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 4]
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 3]
    record(store, "c:1", hostname="z")
    (z,) = (host.id for host in store.hosts() if host.hostname == "z")
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 4]
    store.forget_host(z)
    assert list(store.insights().pending.values()) == [1, 1, 1, 3, 3, 3]


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


def test_what_is_merged_waits_since_the_first_of_both(store: Store, clock: Clock) -> None:
    first = {}
    for image in ("open:1", "done:1", "a:1.0"):
        record(store, image, hostname="x")
        first[image] = clock.time
    store.acknowledge(Selection(query=UpdateQuery(search="done")), "")
    for image in ("open:1", "done:1", "a:2.0"):
        last = record(store, image, hostname="y")
        first.setdefault(image, clock.time)
    again = [update.received_at for update in store.updates(UpdateQuery(host="y", search="done")).updates]
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    since = {update.image.rpartition("/")[2]: update.waiting_since for update in store.updates(UpdateQuery()).updates}
    assert since == {"open:1": first["open:1"], "done:1": again[0], "a:2.0": first["a:1.0"]}
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


@pytest.mark.parametrize("unknown", [0, 4711, 2**63])
def test_an_unknown_host_rule_or_view_is_not_found(store: Store, unknown: int) -> None:
    record(store)
    known = store.hosts()[0].id
    for call in (
        lambda: store.rename_host(unknown, "x"),
        lambda: store.merge_hosts(unknown, known),
        lambda: store.merge_hosts(known, unknown),
        lambda: store.forget_host(unknown),
        lambda: store.delete_rule(unknown),
        lambda: store.create_rule("a*", unknown),
        lambda: store.delete_view(unknown),
        lambda: store.start_with(unknown),
        lambda: store.action(unknown),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(Invalid):
        store.merge_hosts(known, known)


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


def test_refused_requests_are_remembered_and_the_last_200_kept(store: Store, clock: Clock) -> None:
    for number in range(205):
        store.refuse(Refusal(clock(), "192.0.2.1", 400, f"reason {number}\0", "\ud800"))
    refusals = store.refusals(clock.time - DAY)
    assert (len(refusals), refusals[0].reason, refusals[0].excerpt) == (200, "reason 204\ufffd", "\ufffd")
    assert store.refusals(clock.time + DAY) == ()


def test_a_rule_tags_what_nothing_else_has_tagged(store: Store) -> None:
    photos, other = store.create_tag("photos"), store.create_tag("other")
    ids = [record(store, f"ghcr.io/immich-app/{name}:v1") for name in ("server", "ml")]
    by_hand = record(store, "ghcr.io/immich-app/cli:v1")
    store.tag_updates(Selection((by_hand,)), "other", "person")
    rule = store.create_rule("ghcr.io/immich-app/*", photos.id)
    assert (rule.pattern, rule.tag.name) == ("ghcr.io/immich-app/*", "photos")

    def tags(*update_ids: int) -> list[str | None]:
        return [tag.name if tag else None for tag in (store.update(update_id).tag for update_id in update_ids)]

    assert tags(*ids, by_hand) == ["photos", "photos", "other"]
    later = record(store, "ghcr.io/immich-app/new:v1")
    labelled = record(store, "ghcr.io/immich-app/x:v1", metadata={"stack": "media"})
    assert tags(later, labelled) == ["photos", "media"]
    longer = store.create_rule("ghcr.io/immich-app/ne*", other.id)
    assert tags(later) == ["other"]
    store.delete_rule(longer.id)
    store.delete_rule(rule.id)
    assert tags(*ids, later, labelled, by_hand) == [None, None, None, "media", "other"]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("nginx", True),
        ("docker.io/library/*", True),
        ("*ginx", True),
        ("n?inx", False),
        ("[n]ginx", False),
        ("NGINX", False),
    ],
)
def test_a_star_is_the_only_character_with_a_meaning(store: Store, pattern: str, matches: bool) -> None:
    tag = store.create_tag("web")
    update_id = record(store)
    store.create_rule(pattern, tag.id)
    assert (store.update(update_id).tag is not None) == matches


def test_rules_are_listed_once_each(store: Store) -> None:
    tag = store.create_tag("web")
    for pattern in ("b/*", "a/*"):
        store.create_rule(pattern, tag.id)
    assert [rule.pattern for rule in store.rules()] == ["docker.io/a/*", "docker.io/b/*"]
    with pytest.raises(Conflict):
        store.create_rule("a/*", tag.id)
    for pattern in ("", " ", "x" * 301):
        with pytest.raises(Invalid):
            store.create_rule(pattern, tag.id)


def test_views_are_kept_by_name_and_one_can_be_the_start(store: Store) -> None:
    nas = store.save_view("nas", "?host=nas")
    store.save_view(" Big ", "?kind=major")
    assert [(view.name, view.query, view.is_start) for view in store.views()] == [
        ("Big", "?kind=major", False),
        ("nas", "?host=nas", False),
    ]
    assert store.save_view("nas", "?host=pi", replace=True).id == nas.id
    store.start_with(nas.id)
    assert [view.is_start for view in store.views()] == [False, True]
    store.start_with(None)
    assert [view.is_start for view in store.views()] == [False, False]
    store.delete_view(nas.id)
    assert [view.name for view in store.views()] == ["Big"]
    with pytest.raises(Invalid):
        store.save_view(" ", "")


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


def test_a_selection_is_chosen_by_host_and_name(store: Store) -> None:
    for image, hostname in (("b:1", "y"), ("a:1", "y"), ("c:1", "X")):
        record(store, image, hostname=hostname)
    chosen = store.chosen(Selection(query=UpdateQuery()))
    assert [update.repository[-1] for update in chosen] == ["c", "a", "b"]


def test_the_older_versions_are_those_that_are_folded(store: Store) -> None:
    ids = [record(store, f"a:{version}") for version in ("1.0", "2.0", "3.0")]
    assert [update.version for update in store.older(ids[2])] == ["2.0", "1.0"]


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
