"""Recording notifications and refused requests, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from diundashboard.model import Refusal, Selection, State, Tag
from diundashboard.notification import parse
from diundashboard.store import Store
from tests.conftest import PAYLOADS, Clock
from tests.store.asking import DAY, DIGEST, EVERY, OTHER, record
from tests.updates import heard


def test_a_notification_is_kept_whole(store: Store, clock: Clock) -> None:
    body = PAYLOADS[2].read_bytes()
    update_id = store.record(parse(body))
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
    assert len(set(ids)) == store.updates(EVERY).total == 12
    assert sum(len(heard(store, update_id)) for update_id in set(ids)) == len(PAYLOADS) == 15


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
    assert after.metadata == {"ctn_id": "1", "ctn_names": "edge", "stack": "web"}
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


def test_what_comes_late_waits_since_then(store: Store, clock: Clock) -> None:
    record(store, digest=DIGEST)
    late = clock.time - timedelta(days=3)
    body = json.dumps({"image": "nginx:1.27.0", "hostname": "nas", "digest": OTHER}).encode()
    update = store.update(store.record(parse(body), late))
    assert update.first_seen_at == update.received_at == update.waiting_since == late


def test_refused_requests_are_remembered_and_the_last_200_kept(store: Store, clock: Clock) -> None:
    for number in range(205):
        store.refuse(Refusal(clock(), "192.0.2.1", 400, f"reason {number}\0", "\ud800"))
    refusals = store.refusals(clock.time - DAY)
    assert (len(refusals), refusals[0].reason, refusals[0].excerpt) == (200, "reason 204\ufffd", "\ufffd")
    assert store.refusals(clock.time + DAY) == ()
