"""What holds for every operation of a Store, on both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from diundashboard.config import Config
from diundashboard.model import Invalid, Selection, State
from diundashboard.store import NotFound, Store, open_store
from tests.store.asking import EVERY, record, recorded
from tests.updates import heard


def test_a_new_store_is_empty(store: Store) -> None:
    page = store.updates(EVERY)
    assert (page.updates, page.total, page.pages) == ((), 0, 1)
    assert store.tags() == ()


def test_a_store_answers_a_ping(store: Store) -> None:
    store.ping()


UNKNOWN = [0, -1, 4711, 2**63 - 1, 2**63, 10**30]


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


def test_acting_on_nothing_does_nothing(store: Store) -> None:
    record(store)
    assert store.acknowledge(Selection(), "").count == store.reopen(Selection(), "").count == 0


def test_names_of_any_length_are_told_apart_and_shortened(store: Store) -> None:
    long = "ü" * 5000
    first = record(store, f"{long}:1", hostname=long, metadata={"ctn_names": long, long: long})
    second = record(store, f"{long}:1", hostname=f"{long}x")
    third = record(store, f"{long}x:1", hostname=long)
    assert len({first, second, third}) == 3
    assert record(store, f"{long}:1", hostname=long) == first
    update = store.update(first)
    names = (update.hostname, update.repository, *update.containers)
    assert [max(map(len, names)) < 255, all("üüü…" in name for name in names)] == [True, True]
    store.tag_updates(Selection((first,)), "long", "")
    assert store.update(second).tag == store.update(first).tag is not None
    store.unassign_tag(f"docker.io/library/{long}")
    assert store.update(second).tag is None


def test_what_a_database_cannot_hold_is_replaced_and_stays_readable_in_the_history(store: Store) -> None:
    body = b'{"image": "a\\u0000b:1", "hostname": "x\\ud800y", "metadata": {"k\\u0000": "\\udfff"}}'
    update_id = recorded(store, body)
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


def test_a_database_keeps_its_id_and_another_has_another(empty: Config, migrated_file: Path) -> None:
    def identity(config: Config) -> str:
        with closing(open_store(config)) as opened:
            return opened.identity()

    first = identity(empty)
    assert str(UUID(first)) == first
    assert UUID(first).version == 4
    assert identity(empty) == first
    assert identity(Config(db_path=str(migrated_file))) != first
