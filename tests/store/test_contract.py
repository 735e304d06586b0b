"""What a Store promises, held against both stores."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from diundashboard.model import (
    NEXT_VERSION,
    UNTAGGED,
    Action,
    Age,
    Choice,
    Group,
    HistoryQuery,
    Invalid,
    Received,
    Selection,
    Sort,
    State,
    Tag,
    Totals,
    UpdateQuery,
)
from diundashboard.notification import parse
from diundashboard.store import Conflict, NotFound, Store
from tests.conftest import PAYLOADS, Clock
from tests.updates import actions, heard

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
EVERY = UpdateQuery(state=None, fold=False)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
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


@pytest.mark.parametrize("again", [1, 2])
def test_acknowledging_twice_keeps_the_first_time_and_person(store: Store, clock: Clock, again: int) -> None:
    update_id = record(store)
    assert store.acknowledge(Selection((update_id,)), "first").count == 1
    at = clock.time
    for _ in range(again):
        assert store.acknowledge(Selection((update_id,)), "later").count == 0
    update = store.update(update_id)
    assert (update.acknowledged_at, update.acknowledged_by) == (at, "first")


def test_an_acknowledgement_can_be_taken_back(store: Store) -> None:
    update_id = record(store)
    assert store.reopen(Selection((update_id,)), "").count == 0
    store.acknowledge(Selection((update_id,)), "person")
    assert store.reopen(Selection((update_id, update_id)), "").count == 1
    update = store.update(update_id)
    assert (update.state, update.acknowledged_at, update.acknowledged_by) == (State.PENDING, None, "")


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_an_unknown_id_is_not_found_and_changes_nothing(store: Store, unknown: int) -> None:
    known = record(store)
    tag = store.create_tag("media")
    for call in (
        lambda: store.update(unknown),
        lambda: store.timeline(unknown),
        lambda: store.received(unknown),
        lambda: store.acknowledge(Selection((known, unknown)), ""),
        lambda: store.reopen(Selection((unknown,)), ""),
        lambda: store.tag_updates(Selection((unknown,)), "media", ""),
        lambda: store.change_tag(unknown, "x", 0),
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
    assert store.acknowledge(Selection(), "").count == store.reopen(Selection(), "").count == 0


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
    calls: list[Callable[[], object]] = [
        lambda: store.create_tag("media"),
        lambda: store.change_tag(other.id, "media", 0),
    ]
    for call in calls:
        with pytest.raises(Conflict, match="media"):
            call()
    assert store.change_tag(tag.id, "media", 0) == tag
    assert store.change_tag(other.id, "films", 3).name == "films"


@pytest.mark.parametrize("name", ["", "  \n", "x" * 101, "日" * 101, "x" * 10_000])
def test_a_tag_name_that_is_empty_or_too_long_is_invalid(store: Store, name: str) -> None:
    tag_id, update_id = store.create_tag("media").id, record(store)
    calls: list[Callable[[], object]] = [
        lambda: store.create_tag(name),
        lambda: store.change_tag(tag_id, name, 0),
        lambda: store.tag_updates(Selection((update_id,)), name, ""),
    ]
    for call in calls:
        with pytest.raises(Invalid):
            call()


def test_what_a_database_cannot_hold_is_replaced_in_a_tag_name(store: Store) -> None:
    assert store.create_tag("a\0b\ud800c").name == "a\ufffdb\ufffdc"
    assert store.tags()[0].name == "a\ufffdb\ufffdc"


def test_a_tag_follows_the_repository_to_every_host_and_version_to_come(store: Store) -> None:
    first = record(store)
    store.tag_updates(Selection((first,)), "web", "")
    (tag,) = store.tags()
    later = record(store, "nginx:1.28.0", hostname="other")
    elsewhere = record(store, "ghcr.io/library/nginx:1.28.0")
    assert store.update(first).tag == store.update(later).tag == Tag(tag.id, "web")
    assert store.update(elsewhere).tag is None
    assert [(known.name, known.updates) for known in store.tags()] == [("web", 2)]
    store.tag_updates(Selection((later,)), None, "")
    assert store.update(first).tag is None
    assert [known.updates for known in store.tags()] == [0]


def test_tagging_an_update_creates_the_tag_once(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    store.tag_updates(Selection((first,)), "web", "")
    store.tag_updates(Selection((second,)), " web ", "")
    assert store.update(first).tag == store.update(second).tag
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
    store.tag_updates(Selection((exact,)), "web", "")
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
    store.tag_updates(Selection((update_id,)), "web", "")
    (tag,) = store.tags()
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
    store.tag_updates(Selection((first,)), "long", "")
    assert store.update(second).tag == store.update(first).tag is not None
    store.unassign_tag(f"docker.io/library/{long}")
    assert store.update(second).tag is None


def test_what_a_database_cannot_hold_is_replaced_and_stays_readable_in_the_history(store: Store) -> None:
    body = b'{"image": "a\\u0000b:1", "hostname": "x\\ud800y", "metadata": {"k\\u0000": "\\udfff"}}'
    update_id = store.record(parse(body))
    update = store.update(update_id)
    assert (update.repository, update.hostname) == ("library/a\ufffdb", "x\ufffdy")
    assert update.metadata == {"k\ufffd": "\ufffd"}
    assert heard(store, update_id)[0].payload == body


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


def versions(store: Store, query: UpdateQuery | None = None) -> list[str]:
    return [update.version for update in store.updates(query or UpdateQuery()).updates]


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
    record(store, f"app@{DIGEST}")
    assert store.updates(UpdateQuery()).total == 5


def test_acknowledging_the_newest_acknowledges_those_below(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.27.0", "1.28.0", "1.29.0")]
    assert store.acknowledge(Selection((ids[2],)), "person").count == 1
    assert {store.update(update_id).state for update_id in ids} == {State.ACKNOWLEDGED}


def test_acknowledging_an_older_one_leaves_the_newer_pending_and_counts_from_it(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.27.0", "1.28.0", "1.29.1")]
    store.acknowledge(Selection((ids[1],)), "person")
    assert [store.update(update_id).state for update_id in ids] == ["acknowledged", "acknowledged", "pending"]
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
def test_the_kind_counts_from_the_highest_version_that_was_acknowledged(store: Store, version: str, kind: str) -> None:
    done = record(store, "nginx:1.27.0")
    store.acknowledge(Selection((done,)), "person")
    update = store.update(record(store, f"nginx:{version}"))
    assert (update.kind, update.from_version) == (kind, "" if kind == "new" else "1.27.0")
    assert update.state == State.PENDING


def test_what_was_done_runs_also_after_it_was_rebuilt(store: Store) -> None:
    for version in ("1.28.0", "1.29.0"):
        store.acknowledge(Selection((record(store, f"nginx:{version}"),)), "person")
    rebuilt = store.update(record(store, "nginx:1.29.0", digest=OTHER))
    assert (rebuilt.state, rebuilt.kind, rebuilt.from_version) == (State.PENDING, "rebuild", "1.29.0")
    newer = store.update(record(store, "nginx:1.30.0"))
    assert (newer.kind, newer.from_version, newer.older) == ("minor", "1.29.0", 1)


def test_what_was_taken_back_after_a_rebuild_does_not_run(store: Store) -> None:
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


def test_an_undo_takes_back_what_ran_before_a_rebuild(store: Store) -> None:
    store.acknowledge(Selection((record(store, "nginx:1.28.0"),)), "person")
    update_id = record(store, "nginx:1.29.0")
    action = store.acknowledge(Selection((update_id,)), "person")
    record(store, "nginx:1.29.0", digest=OTHER)
    store.undo(action.id, "person")
    assert (store.update(update_id).kind, store.update(update_id).from_version) == ("minor", "1.28.0")


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
    assert store.update(first).state == State.ACKNOWLEDGED


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


@pytest.mark.parametrize("news", [{"image": "nginx:1.28.0"}, {"digest": OTHER}])
def test_a_newer_version_or_digest_ends_a_snooze(store: Store, news: dict[str, str]) -> None:
    update_id = record(store)
    store.snooze(Selection((update_id,)), NEXT_VERSION, "person")
    record(store)
    assert store.update(update_id).state == State.SNOOZED
    record(store, **news)
    assert store.updates(UpdateQuery()).total == 1


def test_a_snooze_can_be_ended_and_undone(store: Store) -> None:
    update_id = record(store)
    snoozed = store.snooze(Selection((update_id,)), NEXT_VERSION, "person")
    woken = store.snooze(Selection((update_id,)), None, "person")
    assert store.update(update_id).state == State.PENDING
    store.undo(woken.id, "person")
    assert store.update(update_id).state == State.SNOOZED
    store.undo(snoozed.id, "person")
    assert store.update(update_id).state == State.PENDING


def test_muted_stays_muted_whatever_comes_until_it_is_taken_back(store: Store) -> None:
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


def test_a_renamed_tag_can_be_untagged_by_undo(store: Store) -> None:
    update_id = record(store)
    action = store.tag_updates(Selection((update_id,)), "web", "")
    store.change_tag(store.tags()[0].id, "front", 1)
    store.undo(action.id, "")
    assert store.update(update_id).tag is None


def test_what_was_acknowledged_again_is_counted_once_when_taking_back_is_undone(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    store.acknowledge(Selection((first, second)), "")
    taken_back = store.reopen(Selection((first, second)), "")
    store.acknowledge(Selection((first,)), "")
    store.undo(taken_back.id, "")
    assert sum(store.summary().done) == 2


def test_what_an_undo_left_alone_stays_in_the_history(store: Store) -> None:
    first, second = record(store, "a:1"), record(store, "b:1")
    action = store.acknowledge(Selection((first, second)), "early")
    store.reopen(Selection((first,)), "")
    store.undo(action.id, "")
    assert [known.verb for known in actions(store, first)] == ["reopen", "acknowledge"]
    assert [known.undone for known in actions(store, second)] == [True]


def test_what_is_said_to_run_stands_against_a_lower_one_acknowledged_later(store: Store) -> None:
    low = record(store, "nginx:1.28.0")
    store.say_running(low, "1.29.0", "")
    store.acknowledge(Selection((low,)), "")
    assert store.update(record(store, "nginx:1.30.0")).from_version == "1.29.0"


def test_taking_back_can_be_undone(store: Store) -> None:
    update_id = record(store)
    store.acknowledge(Selection((update_id,)), "person")
    done = store.update(update_id)
    store.undo(store.reopen(Selection((update_id,)), "other").id, "other")
    assert store.update(update_id) == done


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


def test_an_action_names_what_it_was_for(store: Store) -> None:
    update_id = record(store, "ghcr.io/immich-app/immich-server:v1")
    assert store.acknowledge(Selection((update_id,)), "").label == "immich-server on nas"


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


def test_nothing_done_is_no_action(store: Store) -> None:
    update_id = record(store)
    assert store.reopen(Selection((update_id,)), "").id == 0
    assert actions(store, update_id) == []
    with pytest.raises(NotFound):
        store.undo(4711, "")


def test_metadata_tags_an_image_at_first_sight_and_a_person_wins(store: Store) -> None:
    update_id = record(store, "a:1", metadata={"stack": "media"})
    tagged = record(store, "b:1", metadata={"stack": "media", "tag": "films"})
    assert [tag and tag.name for tag in (store.update(update_id).tag, store.update(tagged).tag)] == ["media", "films"]
    store.tag_updates(Selection((update_id,)), None, "person")
    assert store.update(record(store, "a:2", metadata={"stack": "media"})).tag is None


def test_every_version_of_a_series_is_listed_the_newest_first(store: Store) -> None:
    ids = [record(store, f"nginx:{version}") for version in ("1.10", "1.9", "1.11")]
    assert [update.version for update in store.series(ids[1])] == ["1.11", "1.10", "1.9"]
    with pytest.raises(NotFound):
        store.series(4711)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (UpdateQuery(search="JELLY"), ["jellyfin"]),
        (UpdateQuery(search="  nas   media "), ["jellyfin", "sonarr"]),
        (UpdateQuery(search="größe"), ["sonarr"]),
        (UpdateQuery(search="100%_"), []),
        (UpdateQuery(search="sonarr-4k"), ["sonarr"]),
        (UpdateQuery(host="pi"), ["redis"]),
        (UpdateQuery(host="nowhere"), []),
        (UpdateQuery(tag="media"), ["jellyfin", "sonarr"]),
        (UpdateQuery(tag="-"), ["redis"]),
        (UpdateQuery(registry="ghcr.io"), ["sonarr"]),
        (UpdateQuery(provider="docker"), ["sonarr"]),
        (UpdateQuery(kind="rebuild"), ["redis"]),
        (UpdateQuery(age=Age.DAY), ["jellyfin", "redis", "sonarr"]),
        (UpdateQuery(age=Age.OLDER), []),
        (UpdateQuery(host="nas", registry="docker.io"), ["jellyfin"]),
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


def test_what_comes_late_waits_since_then(store: Store, clock: Clock) -> None:
    record(store, digest=DIGEST)
    late = clock.time - timedelta(days=3)
    body = json.dumps({"image": "nginx:1.27.0", "hostname": "nas", "digest": OTHER}).encode()
    update = store.update(store.record(parse(body), late))
    assert update.first_seen_at == update.received_at == update.waiting_since == late


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


def test_choices_are_counted_with_the_other_filters_in_force(store: Store) -> None:
    record(store, "a:1")
    record(store, "ghcr.io/x/b:1")
    record(store, "ghcr.io/x/c:1", hostname="pi", provider="docker")
    choices = store.choices(UpdateQuery(registry="ghcr.io"))
    assert [(choice.value, choice.count) for choice in choices.registry] == [("ghcr.io", 2), ("docker.io", 1)]
    assert [(choice.value, choice.count) for choice in choices.host] == [("nas", 1), ("pi", 1)]
    assert [(choice.value, choice.count) for choice in choices.tag] == [("-", 2)]
    store.acknowledge(Selection(query=UpdateQuery(host="pi")), "")
    assert counted(store.choices(UpdateQuery()).state) == {
        "pending": 2,
        "snoozed": 0,
        "acknowledged": 1,
        "muted": 0,
        "all": 3,
    }


def counted(choices: Sequence[Choice]) -> dict[str, int]:
    assert not any(choice.at_least for choice in choices)
    return {choice.value: choice.count for choice in choices}


def test_ages_are_counted_each_with_the_younger_in_it(store: Store, clock: Clock) -> None:
    clock.step = timedelta(0)
    for days in (31, 30, 29, 7, 6, 1):
        clock.time -= timedelta(days=days)
        record(store, f"app{days}:1", hostname="pi" if days == 6 else "nas")
        clock.time += timedelta(days=days)
    record(store, "app0:1")
    assert counted(store.choices(UpdateQuery()).age) == {"day": 1, "week": 3, "month": 5, "older": 2}
    assert counted(store.choices(UpdateQuery(age=Age.DAY)).age) == {"day": 1, "week": 3, "month": 5, "older": 2}
    assert counted(store.choices(UpdateQuery(host="pi")).age) == {"day": 0, "week": 1, "month": 1, "older": 0}
    assert counted(store.choices(UpdateQuery(age=Age.WEEK)).host) == {"nas": 2, "pi": 1}
    for age in Age:
        assert store.updates(UpdateQuery(age=age)).total == counted(store.choices(UpdateQuery()).age)[age]


def test_states_are_counted_with_the_filters_in_force(store: Store, clock: Clock) -> None:
    ids = [record(store, f"app{number}:1", hostname="pi" if number % 2 else "nas") for number in range(9)]
    store.acknowledge(Selection((ids[0], ids[1], ids[2])), "")
    store.snooze(Selection((ids[3], ids[4])), NEXT_VERSION, "")
    store.mute(Selection((ids[5], ids[1])), True, "")
    assert counted(store.choices(UpdateQuery()).state) == {
        "pending": 3,
        "snoozed": 2,
        "acknowledged": 2,
        "muted": 2,
        "all": 9,
    }
    narrowed = [UpdateQuery(host="pi"), UpdateQuery(search="APP5"), UpdateQuery(kind="new", age=Age.DAY)]
    for query in [*narrowed, UpdateQuery(tag=UNTAGGED, host="nas"), UpdateQuery(fold=False)]:
        for state in (*State, None):
            asked = replace(query, state=state)
            for name, count in counted(store.choices(asked).state).items():
                there = None if name == "all" else State(name)
                assert store.updates(replace(query, state=there)).total == count, (asked, name)


def test_what_is_done_is_counted_among_the_newest_where_it_is_told_in_passing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[type(store).__module__], "COUNTED_DONE", 3)
    for number in range(5):
        record(store, f"app{number}:1", hostname="pi" if number < 2 else "nas")
    store.acknowledge(Selection(query=UpdateQuery()), "")
    record(store, "late:1", hostname="pi")

    def done(query: UpdateQuery) -> tuple[int, bool]:
        choice = next(choice for choice in store.choices(query).state if choice.value == "acknowledged")
        return choice.count, choice.at_least

    assert done(UpdateQuery()) == (5, False)
    assert done(UpdateQuery(host="nas")) == (3, True)
    assert done(UpdateQuery(host="pi")) == (0, True)
    assert done(UpdateQuery(host="pi", state=State.ACKNOWLEDGED)) == (2, False)


def test_the_totals_are_those_of_the_pages(store: Store) -> None:
    assert store.totals() == Totals(0, 0)
    record(store, "a:1")
    record(store, "a:2")
    store.acknowledge(Selection((record(store, "b:1", hostname="pi"),)), "")
    record(store, "c:1", hostname="vps")
    assert store.totals() == Totals(2, 3)
    store.forget_host(next(host.id for host in store.hosts() if host.hostname == "vps"))
    assert store.totals() == Totals(1, 2)


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


def test_the_summary_adds_up(store: Store, clock: Clock) -> None:
    first = record(store, "a:1")
    oldest = clock.time
    record(store, "b:1", hostname="pi", status="update")
    store.acknowledge(Selection((record(store, "c:1"),)), "")
    summary = store.summary()
    assert summary.kinds == {"new": 1, "rebuild": 1}
    assert (summary.pending, summary.hosts, summary.oldest) == (2, 2, oldest)
    assert summary.done == (0, 0, 0, 0, 0, 0, 1)
    store.reopen(Selection(query=UpdateQuery(state=State.ACKNOWLEDGED)), "")
    assert store.summary().done == (0,) * 7
    assert store.update(first).state == State.PENDING


def test_taking_back_and_undoing_that_leaves_everything_as_it_was(store: Store) -> None:
    for version in ("1.0.0", "1.1.0", "1.1.1", "2.0.0"):
        store.acknowledge(Selection((record(store, f"app:{version}"),)), "person")
    record(store, "app:2.1.0")
    everything = UpdateQuery(state=None, fold=False)
    before, done = store.updates(everything).updates, store.insights().notifications
    taken_back = store.reopen(Selection(query=UpdateQuery(state=State.ACKNOWLEDGED)), "person")
    assert {update.kind for update in store.updates(everything).updates} == {"new"}
    store.undo(taken_back.id, "person")
    assert store.updates(everything).updates == before
    assert (store.insights().notifications, store.summary().done[-1]) == (done, 4)


def test_an_action_on_an_older_version_says_which(store: Store) -> None:
    ids = [record(store, f"app:{version}") for version in ("1.0", "1.1", "1.2")]
    done = store.acknowledge(Selection((ids[1],)), "person")
    assert done.label == "app 1.1 on nas"
    assert [action.label for action in actions(store, ids[2])] == ["1.1"]
    assert store.mute(Selection((ids[2],)), True, "person").label == "app on nas"
    assert store.acknowledge(Selection((ids[2],)), "person").label == "app on nas"
    assert record(store, "app:3", hostname="") != ids[0]
    assert store.acknowledge(Selection(query=UpdateQuery(host="")), "").label == "app on unnamed host"


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


def test_two_acknowledgements_undone_leave_what_ran_before_in_either_order(store: Store) -> None:
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


def test_what_another_acknowledgement_says_outlives_an_undo_after_a_merge(store: Store) -> None:
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


def test_of_versions_that_compare_equal_the_later_seen_runs_also_when_the_other_is_rebuilt(store: Store) -> None:
    first, second = record(store, "a:1.2"), record(store, "a:1.02")
    store.acknowledge(Selection((first, second)), "")
    record(store, "a:1.2", digest=OTHER)
    store.acknowledge(Selection((first,)), "")
    assert store.update(record(store, "a:1.3")).from_version == "1.02"


def test_reopening_counts_versions_and_the_rest_counts_rows(store: Store) -> None:
    ids = tuple(record(store, f"a:{version}") for version in range(3))
    assert store.acknowledge(Selection(query=UpdateQuery()), "").count == 1
    reopened = store.reopen(Selection(ids), "")
    assert (reopened.count, reopened.label) == (3, "")
    assert store.reopen(Selection((ids[0],)), "").count == 0


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


def test_a_name_of_a_view_is_taken_over_only_on_demand(store: Store) -> None:
    kept = store.save_view("mine", "?host=nas")
    assert store.save_view("mine", "?host=nas") == kept
    with pytest.raises(Conflict):
        store.save_view(" mine ", "?host=pi")
    assert store.views() == (kept,)
    assert store.save_view("mine", "?host=pi", replace=True) == replace(kept, query="?host=pi")


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_reopening_brings_back_no_acknowledgement_that_was_undone(store: Store, rebuilt: bool) -> None:
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


def test_undoing_a_reopening_keeps_what_was_acknowledged_since(store: Store, clock: Clock) -> None:
    update_id = record(store, "a:1")
    store.acknowledge(Selection((update_id,)), "first")
    reopened = store.reopen(Selection((update_id,)), "")
    again = store.acknowledge(Selection((update_id,)), "second")
    store.undo(reopened.id, "")
    assert store.update(update_id).acknowledged_by == "second"
    newer = record(store, "a:2")
    assert store.update(newer).from_version == "1"
    store.undo(again.id, "")
    assert store.update(update_id).state == State.PENDING
    assert store.update(newer).from_version == ""


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


def test_the_digest_before_is_the_newest_other_one_of_the_update_itself(store: Store) -> None:
    update_id = record(store, "a:1")
    assert store.digest_before(update_id) == ""
    record(store, "a:2", digest=OTHER)
    assert store.digest_before(update_id) == ""
    for digest in ("sha256:x", OTHER, OTHER):
        record(store, "a:1", digest=digest)
    assert store.digest_before(update_id) == "sha256:x"
    assert store.digest_before(4711) == ""


def test_a_series_has_at_most_a_hundred_versions(store: Store) -> None:
    for number in range(102):
        update_id = record(store, f"a:{number}")
    assert [update.version for update in store.series(update_id)] == [str(number) for number in range(101, 1, -1)]


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


def test_older_versions_as_rows_of_their_own_are_counted_so(store: Store) -> None:
    for version in range(3):
        record(store, f"a:{version}")
    store.acknowledge(Selection((record(store, "b:1"),)), "")
    store.mute(Selection((record(store, "c:1"), record(store, "c:2"))), True, "")
    assert counted(store.choices(UpdateQuery(fold=False)).state) == {
        "pending": 3,
        "snoozed": 0,
        "acknowledged": 1,
        "muted": 2,
        "all": 6,
    }
