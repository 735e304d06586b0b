"""What a Store promises, held against both stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from diundashboard.model import Invalid, State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Conflict, NotFound, Store
from tests.conftest import PAYLOADS, Clock

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
EVERY = UpdateQuery(state=None)
UNKNOWN = [0, -1, 4711, 2**63 - 1, 2**63, 10**30]


def record(store: Store, image: str = "nginx:1.27.0", **fields: Any) -> int:
    """Record a notification with these fields; returns the update's id."""
    return store.record(parse(json.dumps({"image": image, "hostname": "nas", "digest": DIGEST, **fields}).encode()))


def images(store: Store, query: UpdateQuery = EVERY) -> list[str]:
    return [update.image for update in store.updates(query).updates]


def test_a_new_store_is_empty(store: Store) -> None:
    page = store.updates(EVERY)
    assert (page.updates, page.total, page.pages) == ((), 0, 1)
    assert store.tags() == ()


def test_a_notification_is_kept_whole(store: Store, clock: Clock) -> None:
    body = PAYLOADS[2].read_bytes()
    update_id = store.record(parse(body))
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
    assert update.first_seen_at == update.received_at == clock.time
    assert (update.state, update.acknowledged_at, update.notifications, update.tag) == (State.PENDING, None, 1, None)
    (received,) = store.history(update_id)
    assert (received.payload, received.received_at, received.status) == (body, clock.time, "new")


def test_every_payload_of_diun_is_stored(store: Store) -> None:
    ids = [store.record(parse(path.read_bytes())) for path in PAYLOADS]
    assert len(set(ids)) == store.updates(EVERY).total == 12
    assert sum(len(store.history(update_id)) for update_id in set(ids)) == len(PAYLOADS) == 15


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
    store.acknowledge([update_id], "person")
    before = store.update(update_id)
    assert record(store, metadata={"ctn_names": "edge", "stack": "web"}, status="update") == update_id
    after = store.update(update_id)
    assert after.containers == ("edge", "edge2")
    assert after.metadata == {"ctn_id": "1", "ctn_names": "edge", "stack": "web"}
    assert (after.notifications, len(store.history(update_id))) == (2, 2)
    assert (after.state, after.acknowledged_at, after.acknowledged_by) == (
        State.ACKNOWLEDGED,
        before.acknowledged_at,
        "person",
    )
    assert (after.received_at, after.status, after.kind) == (before.received_at, before.status, before.kind)


def test_another_digest_makes_it_pending_again_and_speaks_for_it(store: Store, clock: Clock) -> None:
    update_id = record(store, metadata={"ctn_names": "a", "old": "1"}, created="2026-11-01T00:00:00Z", platform="x")
    first_seen = clock.time
    store.acknowledge([update_id], "person")
    assert record(store, digest=OTHER, metadata={"ctn_names": "b"}, hub_link="https://example.org") == update_id
    update = store.update(update_id)
    assert (update.state, update.acknowledged_at, update.acknowledged_by) == (State.PENDING, None, "")
    assert (update.digest, update.kind, update.hub_link, update.platform) == (
        OTHER,
        "rebuild",
        "https://example.org",
        "",
    )
    assert (update.created, update.metadata, update.containers) == (None, {"ctn_names": "b"}, ("a", "b"))
    assert (update.first_seen_at, update.received_at) == (first_seen, clock.time)
    assert [received.digest for received in store.history(update_id)] == [OTHER, DIGEST]


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
    pages = [store.updates(UpdateQuery(page=number, per_page=3)) for number in (1, 2, 3, 4)]
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
    store.acknowledge([done], "")
    assert images(store, UpdateQuery(state=State.PENDING)) == ["docker.io/library/b:1"]
    assert images(store, UpdateQuery(state=State.ACKNOWLEDGED)) == ["docker.io/library/a:1"]
    assert images(store, UpdateQuery(state=State.SNOOZED)) == images(store, UpdateQuery(state=State.MUTED)) == []
    assert len(images(store)) == 2


@pytest.mark.parametrize("again", [1, 2])
def test_acknowledging_twice_keeps_the_first_time_and_person(store: Store, clock: Clock, again: int) -> None:
    update_id = record(store)
    assert store.acknowledge([update_id], "first") == 1
    at = clock.time
    for _ in range(again):
        assert store.acknowledge([update_id], "later") == 0
    update = store.update(update_id)
    assert (update.acknowledged_at, update.acknowledged_by) == (at, "first")


def test_an_acknowledgement_can_be_taken_back(store: Store) -> None:
    update_id = record(store)
    assert store.reopen([update_id]) == 0
    store.acknowledge([update_id], "person")
    assert store.reopen([update_id, update_id]) == 1
    update = store.update(update_id)
    assert (update.state, update.acknowledged_at, update.acknowledged_by) == (State.PENDING, None, "")


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_an_unknown_id_is_not_found_and_changes_nothing(store: Store, unknown: int) -> None:
    known = record(store)
    tag = store.create_tag("media")
    for call in (
        lambda: store.update(unknown),
        lambda: store.history(unknown),
        lambda: store.acknowledge([known, unknown], ""),
        lambda: store.reopen([unknown]),
        lambda: store.tag_update(unknown, "media"),
        lambda: store.rename_tag(unknown, "x"),
        lambda: store.delete_tag(unknown),
        lambda: store.assign_tag("nginx", unknown),
    ):
        with pytest.raises(NotFound):
            call()
    assert store.update(known).state == State.PENDING
    assert store.update(known).tag is None
    assert [known_tag.name for known_tag in store.tags()] == [tag.name]


def test_acting_on_nothing_does_nothing(store: Store) -> None:
    record(store)
    assert store.acknowledge([], "") == store.reopen([]) == 0


def test_tags_come_by_name_without_regard_to_case(store: Store) -> None:
    for name in ("zebra", "Ärger", "apple", "Banana", "apple pie", "APPLE", "日本", "_x"):
        store.create_tag(name)
    assert [tag.name for tag in store.tags()] == [
        "_x",
        "APPLE",
        "apple",
        "apple pie",
        "Banana",
        "zebra",
        "Ärger",
        "日本",
    ]


def test_a_tag_name_is_taken_once_and_case_counts(store: Store) -> None:
    tag = store.create_tag(" media ")
    assert tag.name == "media"
    other = store.create_tag("Media")
    calls: list[Callable[[], object]] = [lambda: store.create_tag("media"), lambda: store.rename_tag(other.id, "media")]
    for call in calls:
        with pytest.raises(Conflict, match="media"):
            call()
    assert store.rename_tag(tag.id, "media") == tag
    assert store.rename_tag(other.id, "films").name == "films"


@pytest.mark.parametrize("name", ["", "  \n", "x" * 101, "日" * 101, "x" * 10_000])
def test_a_tag_name_that_is_empty_or_too_long_is_invalid(store: Store, name: str) -> None:
    tag_id, update_id = store.create_tag("media").id, record(store)
    calls: list[Callable[[], object]] = [
        lambda: store.create_tag(name),
        lambda: store.rename_tag(tag_id, name),
        lambda: store.tag_update(update_id, name),
    ]
    for call in calls:
        with pytest.raises(Invalid):
            call()


def test_what_a_database_cannot_hold_is_replaced_in_a_tag_name(store: Store) -> None:
    assert store.create_tag("a\0b\ud800c").name == "a\ufffdb\ufffdc"
    assert store.tags()[0].name == "a\ufffdb\ufffdc"


def test_a_tag_follows_the_repository_to_every_host_and_version_to_come(store: Store) -> None:
    first = record(store)
    tag = store.tag_update(first, "web")
    later = record(store, "nginx:1.28.0", hostname="other")
    elsewhere = record(store, "ghcr.io/library/nginx:1.28.0")
    assert store.update(first).tag == store.update(later).tag == tag
    assert store.update(elsewhere).tag is None
    assert [(known.name, known.updates) for known in store.tags()] == [("web", 2)]
    store.tag_update(later, None)
    assert store.update(first).tag is None
    assert [known.updates for known in store.tags()] == [0]


def test_tagging_an_update_creates_the_tag_once(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    assert store.tag_update(first, "web") == store.tag_update(second, " web ")
    assert len(store.tags()) == 1


def test_the_tag_of_an_exact_image_wins_over_its_repositorys(store: Store) -> None:
    exact, other = record(store, "nginx:1.27.0"), record(store, "nginx:1.28.0")
    web, special = store.create_tag("web"), store.create_tag("special")
    assert store.assign_tag("docker.io/library/nginx", web.id) == "docker.io/library/nginx"
    assert store.assign_tag("nginx:1.27.0", special.id) == "docker.io/library/nginx:1.27.0"
    assert (store.update(exact).tag, store.update(other).tag) == (special, web)
    store.unassign_tag("docker.io/library/nginx:1.27.0")
    assert store.update(exact).tag == web
    store.assign_tag("nginx:1.27.0", special.id)
    store.tag_update(exact, "web")
    assert store.update(exact).tag == web


def test_an_assignment_is_replaced_and_may_come_before_the_image(store: Store) -> None:
    web, media = store.create_tag("web"), store.create_tag("media")
    store.assign_tag("127.0.0.1:5000/nginx", web.id)
    store.assign_tag("127.0.0.1:5000/nginx", media.id)
    assert store.update(record(store, "127.0.0.1:5000/nginx:1")).tag == media
    store.unassign_tag("127.0.0.1:5000/never-assigned")


@pytest.mark.parametrize("reference", ["", "  "])
def test_a_blank_reference_is_invalid(store: Store, reference: str) -> None:
    tag = store.create_tag("web")
    for call in (lambda: store.assign_tag(reference, tag.id), lambda: store.unassign_tag(reference)):
        with pytest.raises(Invalid):
            call()


def test_deleting_a_tag_takes_its_assignments_with_it(store: Store) -> None:
    update_id = record(store)
    tag = store.tag_update(update_id, "web")
    assert tag
    assert store.has_tag(tag.id)
    store.delete_tag(tag.id)
    assert not store.has_tag(tag.id)
    assert store.update(update_id).tag is None
    assert store.tags() == ()


def test_names_of_any_length_are_kept_and_told_apart(store: Store) -> None:
    long = "ü" * 5000
    first = record(store, f"{long}:1", hostname=long, metadata={"ctn_names": long, long: long})
    second = record(store, f"{long}:1", hostname=f"{long}x")
    assert first != second
    assert record(store, f"{long}:1", hostname=long) == first
    update = store.update(first)
    assert (update.hostname, update.repository, update.containers) == (long, f"library/{long}", (long,))
    store.tag_update(first, "long")
    assert store.update(second).tag == store.update(first).tag is not None
    store.unassign_tag(f"docker.io/library/{long}")
    assert store.update(second).tag is None


def test_what_a_database_cannot_hold_is_replaced_and_stays_readable_in_the_history(store: Store) -> None:
    body = b'{"image": "a\\u0000b:1", "hostname": "x\\ud800y", "metadata": {"k\\u0000": "\\udfff"}}'
    update_id = store.record(parse(body))
    update = store.update(update_id)
    assert (update.repository, update.hostname) == ("library/a\ufffdb", "x\ufffdy")
    assert update.metadata == {"k\ufffd": "\ufffd"}
    assert store.history(update_id)[0].payload == body


@pytest.mark.parametrize("special", ["100%", "a_b", "a\\b", "a'b", 'a"b', "{a,b}", "[1]", "$1", "%s", ":x", "?", "a,b"])
def test_characters_with_a_meaning_in_sql_or_json_are_text(store: Store, special: str) -> None:
    update_id = record(store, hostname=special, metadata={special: special, "ctn_name": special})
    record(store, hostname=special, metadata={special: special})
    update = store.update(update_id)
    assert (update.hostname, update.metadata[special]) == (special, special)
    assert update.containers == tuple(sorted(special.split(",")))
    assert store.create_tag(special).name == special


def test_a_store_answers_a_ping(store: Store) -> None:
    store.ping()
