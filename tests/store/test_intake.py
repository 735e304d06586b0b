"""Recording notifications and refused requests, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diundashboard.model import HistoryQuery, Refusal, Selection, State, Tag, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store
from tests.conftest import PAYLOADS, Clock
from tests.store.asking import DAY, DIGEST, EVERY, OTHER, record, recorded
from tests.updates import heard


def test_a_notification_is_kept_whole(store: Store, clock: Clock) -> None:
    body = PAYLOADS[2].read_bytes()
    update_id = recorded(store, body)
    at = clock.time
    update = store.update(update_id)
    sent = json.loads(body)
    assert (update.hostname, update.image) == ("nas", "127.0.0.1:5000/immich-app/immich-server:v1.119.0")
    assert (update.registry, update.repository, update.version) == (
        "127.0.0.1:5000",
        "immich-app/immich-server",
        "v1.119.0",
    )
    for name in ("digest", "status", "provider", "platform", "mime_type", "hub_link", "diun_version", "metadata"):
        assert getattr(update, name) == sent[name]
    assert update.created == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert update.first_seen_at == update.received_at == at
    assert (update.state, update.acknowledged_at, update.notifications, update.tag) == (
        State.PENDING,
        None,
        1,
        Tag(1, "photos"),
    )
    (received,) = heard(store, update_id)
    assert (received.payload, received.received_at, received.status) == (body, at, "new")


def test_every_payload_of_diun_is_stored(store: Store) -> None:
    ids = [store.record(parse(path.read_bytes())) for path in PAYLOADS]
    about = {update_id for update_id in ids if update_id is not None}
    assert len(about) == store.updates(EVERY).total == 11
    assert sum(len(heard(store, update_id)) for update_id in about) == len(PAYLOADS) - 1 == 14
    assert [received.update_id for received in store.notifications(HistoryQuery())] == ids[::-1]


def test_the_test_of_diun_is_in_the_history_alone(store: Store) -> None:
    body = PAYLOADS[-1].read_bytes()
    assert store.record(parse(body)) is None
    assert store.updates(EVERY).total == 0
    (received,) = store.notifications(HistoryQuery())
    assert (received.update_id, received.payload) == (None, body)
    assert [host.notifications for host in store.hosts()] == [1]


def test_times_keep_their_microseconds(store: Store) -> None:
    update = store.update(record(store, created="2026-11-19T08:00:00.123456789+02:00"))
    assert update.created == datetime(2026, 11, 19, 6, 0, 0, 123456, tzinfo=UTC)
    assert update.created.tzinfo is UTC
    assert update.received_at.tzinfo is UTC


@pytest.mark.parametrize("created", ["0002-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z"])
def test_a_time_far_away_is_kept(store: Store, created: str) -> None:
    assert store.update(record(store, created=created)).created == datetime.fromisoformat(created)


def test_the_same_digest_again_adds_to_the_history_and_keeps_the_state(store: Store) -> None:
    update_id = record(store, metadata={"ctn_names": "edge2", "ctn_id": "1"})
    store.acknowledge(Selection((update_id,)), "person")
    before = store.update(update_id)
    assert record(store, metadata={"ctn_names": "edge", "stack": "web"}, status="update") == update_id
    after = store.update(update_id)
    assert after.containers == ("edge", "edge2")
    assert after.container_metadata == {
        "edge": {"ctn_names": "edge", "stack": "web"},
        "edge2": {"ctn_id": "1", "ctn_names": "edge2"},
    }
    assert after.metadata == {"ctn_names": "edge", "stack": "web"}
    assert (after.notifications, len(heard(store, update_id))) == (2, 2)
    assert (after.state, after.acknowledged_at, after.acknowledged_by) == (
        State.ACKNOWLEDGED,
        before.acknowledged_at,
        "person",
    )
    assert (after.received_at, after.status, after.kind) == (before.received_at, before.status, before.kind)


def test_another_digest_makes_it_pending_again_and_speaks_for_it(store: Store, clock: Clock) -> None:
    update_id = record(store, metadata={"ctn_names": "a", "old": "1"}, created="2026-11-01T00:00:00Z", platform="x")
    first_seen = clock.time
    store.acknowledge(Selection((update_id,)), "person")
    assert record(store, digest=OTHER, metadata={"ctn_names": "b"}, hub_link="https://example.org") == update_id
    received = clock.time
    update = store.update(update_id)
    assert (update.state, update.acknowledged_at, update.acknowledged_by) == (State.PENDING, None, "")
    assert (update.digest, update.kind, update.hub_link, update.platform) == (
        OTHER,
        "rebuild",
        "https://example.org",
        "",
    )
    assert (update.created, update.metadata, update.containers) == (None, {"ctn_names": "b"}, ("a", "b"))
    assert (update.first_seen_at, update.received_at) == (first_seen, received)
    assert [notification.digest for notification in heard(store, update_id)] == [OTHER, DIGEST]


def test_the_kind_is_rebuild_where_diun_knew_the_tag_before(store: Store) -> None:
    assert store.update(record(store, status="new")).kind == "new"
    assert store.update(record(store, "redis:7", status="update")).kind == "rebuild"


def test_hosts_and_versions_are_updates_of_their_own(store: Store) -> None:
    ids = {
        record(store),
        record(store, hostname="NAS"),
        record(store, "nginx:1.27.0-alpine"),
        record(store, "ghcr.io/library/nginx:1.27.0"),
    }
    assert len(ids) == store.updates(EVERY).total == 4


def test_a_digest_in_the_reference_is_not_part_of_the_identity_while_there_is_a_tag(store: Store) -> None:
    first = record(store, f"nginx:1.27.0@{DIGEST}")
    assert record(store, f"nginx:1.27.0@{OTHER}", digest=OTHER) == first
    assert store.update(first).image == "docker.io/library/nginx:1.27.0"


def test_what_is_older_than_its_update_goes_into_the_history_alone(store: Store, clock: Clock) -> None:
    update_id = record(store, digest=DIGEST, metadata={"ctn_names": "web"})
    before = store.update(update_id)
    late = clock.time - timedelta(days=3)
    body = json.dumps({"image": "nginx:1.27.0", "hostname": "nas", "digest": OTHER, "metadata": {"ctn_names": "old"}})
    assert store.record(parse(body.encode()), late, again=late) == update_id
    assert store.update(update_id) == replace(before, notifications=2)
    assert [received.digest for received in heard(store, update_id)] == [DIGEST, OTHER]


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(days=400)])
def test_what_has_just_arrived_is_the_newest_even_if_the_clock_was_set_back(
    store: Store, clock: Clock, back: timedelta
) -> None:
    update_id = record(store)
    store.acknowledge(Selection((update_id,)), "person")
    before = store.update(update_id)
    early = before.received_at - back
    newest = parse(json.dumps({"image": "nginx:1.27.0", "hostname": "nas", "digest": OTHER}).encode())
    assert store.record(newest, early) == update_id
    after = store.update(update_id)
    assert (after.digest, after.state, after.received_at) == (OTHER, State.PENDING, before.received_at)
    assert [received.received_at for received in heard(store, update_id)] == [before.received_at] * 2
    assert store.check() == ()
    for again in (early, early + timedelta(microseconds=1)):  # A second try of the same, and of one that is older.
        body = newest if again == early else parse(newest.payload.replace(OTHER.encode(), b"sha256:waited"))
        assert store.record(body, again, again=again) == update_id
        assert store.update(update_id).digest == OTHER
    assert store.update(update_id).notifications == 3


@pytest.mark.parametrize("fields", [{}, {"image": f"nginx@{DIGEST}"}, {"status": "update"}, {"image": "new:1"}])
def test_what_was_stored_by_the_first_try_is_not_stored_by_the_second(
    store: Store, clock: Clock, fields: dict[str, str]
) -> None:
    record(store, metadata={"ctn_names": "web"})
    first = parse(json.dumps({"image": "nginx:1.27.0", "hostname": "nas", "digest": OTHER, **fields}).encode())
    at = clock()
    update_id = store.record(first, at)
    assert update_id is not None
    record(store, digest=DIGEST)
    before = store.update(update_id), store.notifications(HistoryQuery()), store.hosts()
    assert store.record(first, at, again=at) == update_id
    assert (store.update(update_id), store.notifications(HistoryQuery()), store.hosts()) == before
    assert store.check() == ()
    for payload, moment in ((first.payload, at + timedelta(microseconds=1)), (first.payload + b" ", at)):
        assert store.record(parse(payload), moment, again=moment) == update_id
    assert len(store.notifications(HistoryQuery())) == len(before[1]) + 2


def test_a_second_try_stores_what_the_first_did_not(store: Store, clock: Clock) -> None:
    first = parse(b'{"image": "nginx:1", "hostname": "nas"}')
    update_id = store.record(first, clock(), again=clock.time)
    assert update_id is not None
    assert store.record(first, clock(), again=clock.time) == update_id
    assert store.update(update_id).notifications == 2


def test_the_test_of_diun_is_not_stored_by_a_second_try(store: Store, clock: Clock) -> None:
    test = parse(PAYLOADS[-1].read_bytes())
    at = clock()
    for again in (None, at, at):
        assert store.record(test, at, again) is None
    assert [host.notifications for host in store.hosts()] == [1]
    assert store.record(test, clock(), again=clock.time) is None
    assert [host.notifications for host in store.hosts()] == [2]


def test_a_version_that_comes_late_waits_since_then(store: Store, clock: Clock) -> None:
    record(store)
    late = clock.time - timedelta(days=3)
    body = json.dumps({"image": "nginx:1.26.0", "hostname": "nas", "digest": OTHER}).encode()
    update = store.update(recorded(store, body, late))
    assert update.first_seen_at == update.received_at == update.waiting_since == late
    assert [row.waiting_since for row in store.updates(UpdateQuery()).updates] == [late]


def test_an_image_without_a_tag_belongs_to_the_row_of_the_tag_that_has_its_digest(store: Store) -> None:
    latest = record(store, "nginx:latest", digest=OTHER)
    pulled = f"nginx@sha256:{'c' * 64}"
    assert record(store, pulled, digest=OTHER, metadata={"ctn_names": "web"}) == latest
    assert store.update(latest).containers == ("web",)
    assert record(store, pulled, digest="sha256:unknown") != latest


def test_a_pinned_digest_is_known(store: Store) -> None:
    pinned = record(store, f"nginx:1.27.0@{OTHER}")
    assert store.update(pinned).pinned == OTHER
    assert store.update(record(store, f"redis:7@{OTHER}", provider="swarm")).pinned == ""


def test_a_new_version_has_the_containers_of_the_one_before_until_diun_names_others(store: Store) -> None:
    for name in ("a", "b", "c"):
        record(store, "app:1.0", metadata={"ctn_names": name})
    second = record(store, "app:1.1", metadata={"ctn_names": "a"})
    assert store.update(second).containers == ("a", "b", "c")
    record(store, "app:1.1", metadata={"ctn_names": "b"})
    third = record(store, "app:1.2", metadata={"ctn_names": "a"})
    assert store.update(third).containers == ("a", "b")
    record(store, "app:1.2", digest=OTHER, metadata={"ctn_names": "d"})
    assert store.update(third).containers == ("a", "d")


def test_metadata_that_diun_shares_among_containers_count_for_nothing(store: Store) -> None:
    web = {"ctn_id": "1", "ctn_names": "web", "current": "1.0", "tag": "front", "pod_name": "pod"}
    first = record(store, "nginx:1.27.0", metadata=web)
    assert store.update(first).from_version == "1.0"
    second = record(store, "postgres:17.1", metadata=web)
    third = record(store, "redis:7.1", metadata={"ctn_id": "2", "ctn_names": "cache", "current": "7.0"})
    for update_id in (first, second, third):
        update = store.update(update_id)
        assert (update.from_version, update.tag) == ("", None)
        assert not {"web", "cache"}.intersection(update.containers)
    (host,) = store.hosts()
    assert host.metadata_shared_at is not None
    assert store.check() == ()
    store.trust_metadata(host.id)
    fourth = store.update(record(store, "mariadb:11.4", metadata={"ctn_id": "3", "ctn_names": "db", "current": "11.3"}))
    assert (fourth.from_version, fourth.containers) == ("11.3", ("db",))
    assert [host.metadata_shared_at for host in store.hosts()] == [None]


def test_one_container_under_two_versions_of_a_repository_shares_nothing(store: Store) -> None:
    for version in ("1.27.0", "1.28.0"):
        update_id = record(store, f"nginx:{version}", metadata={"ctn_id": "1", "ctn_names": "web"})
    assert store.update(update_id).containers == ("web",)
    assert [host.metadata_shared_at for host in store.hosts()] == [None]


def test_refused_requests_are_remembered_and_the_last_200_kept(store: Store, clock: Clock) -> None:
    for number in range(205):
        store.refuse(Refusal(clock(), "192.0.2.1", 400, f"reason {number}\0", "\ud800"))
    refusals = store.refusals(clock.time - DAY)
    assert (len(refusals), refusals[0].reason, refusals[0].excerpt) == (200, "reason 204\ufffd", "\ufffd")
    assert store.refusals(clock.time + DAY) == ()
