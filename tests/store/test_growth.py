"""What an update gathers stays within its limits, on both databases alike."""

from __future__ import annotations

import json

import pytest

from diundashboard.limits import CONTAINERS, METADATA_KEYS, METADATA_TEXT, SEARCH
from diundashboard.model import UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store
from tests.store.asking import OTHER, record
from tests.updates import heard


def test_an_update_keeps_the_five_hundred_newest_containers(store: Store) -> None:
    for first in range(0, 700, 100):
        names = [f"web-{number:04}" for number in range(first, first + 100)]
        update_id = record(store, metadata={"ctn_names": ",".join(names)})
    assert store.update(update_id).containers == tuple(f"web-{number:04}" for number in range(200, 700))
    assert len(heard(store, update_id)) == 7


def test_a_container_that_is_reported_again_after_the_limit_is_back(store: Store) -> None:
    for number in (0, *range(1, 600, 30), 0):
        names = [f"web-{number + each:04}" for each in range(30 if number else 1)]
        update_id = record(store, metadata={"ctn_names": ",".join(names)})
    containers = store.update(update_id).containers
    assert (len(containers), containers[0]) == (CONTAINERS, "web-0000")


def test_one_notification_of_too_many_containers_keeps_five_hundred_of_255_bytes(store: Store) -> None:
    names = [f"{number:04}{'x' * 400}" for number in range(2000)]
    update_id = record(store, metadata={"ctn_names": ",".join(names)})
    containers = store.update(update_id).containers
    assert len(set(containers)) == CONTAINERS
    assert {len(name.encode()) for name in containers} == {255}
    assert json.loads(heard(store, update_id)[0].payload)["metadata"]["ctn_names"] == ",".join(names)


def test_an_update_keeps_two_hundred_keys_of_metadata_those_of_its_newest_containers(store: Store) -> None:
    for container in "zyxwvu":
        labels = {f"label-{number:03}": container for number in range(59)}
        update_id = record(store, metadata={"ctn_names": container, **labels})
    kept = store.update(update_id).container_metadata
    assert list(kept) == ["u", "v", "w"]
    assert sum(map(len, kept.values())) <= METADATA_KEYS
    assert all(metadata["label-058"] == container for container, metadata in kept.items())


def test_of_too_many_keys_those_that_mean_something_stay(store: Store) -> None:
    labels = {f"a-label-{number:03}": "x" for number in range(1000)}
    update_id = record(store, "nginx:1.27.0", metadata={**labels, "ctn_names": "web", "current": "1.26.0", "tag": "t"})
    update = store.update(update_id)
    assert len(update.metadata) == METADATA_KEYS
    assert (update.containers, update.running_version) == (("web",), "1.26.0")
    assert [update.tag and update.tag.name] == ["t"]


def test_the_metadata_of_an_update_has_a_size(store: Store) -> None:
    for container in ("a", "b", "c"):
        update_id = record(store, metadata={"ctn_names": container, "pod_status": "é" * 500_000, "short": "s"})
    kept = store.update(update_id).container_metadata
    assert list(kept) == ["c"]
    assert kept["c"]["short"] == "s"
    assert sum(len(key) + len(value) for key, value in kept["c"].items()) == METADATA_TEXT


def test_the_search_text_of_an_update_has_a_size_and_finds_what_came_last(store: Store) -> None:
    for number in range(30):
        labels = {f"label-{each}": f"{number}-{each}-{'ü' * 190}" for each in range(10)}
        update_id = record(store, "nginx:1", metadata={"ctn_names": f"web-{number}", **labels})

    def found(search: str) -> list[int]:
        return [update.id for update in store.updates(UpdateQuery(search=search)).updates]

    assert found("nginx web-29 29-9-") == found("nas nginx") == [update_id]
    assert found("web-0") == []


def test_one_notification_has_no_more_search_text_than_an_update(store: Store) -> None:
    derived = parse(
        json.dumps(
            {"image": "n:1", "metadata": {f"k{number}": f"{number} {'ü' * 300}" for number in range(200)}}
        ).encode()
    ).derived()
    assert SEARCH - 2 <= len(derived.search.encode()) <= SEARCH
    assert derived.search.startswith(" 1 docker.io/library/n")


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "another digest"])
def test_what_two_hosts_or_two_digests_have_gathered_stays_within_the_limits(store: Store, merge: bool) -> None:
    other = {"hostname": "pi"} if merge else {"digest": OTHER}
    for prefix, fields in (("a", {}), ("b", other)):
        for first in range(0, 400, 50):
            labels = {f"label-{number}": "x" for number in range(20)}
            names = [f"{prefix}-{number:04}" for number in range(first, first + 50)]
            update_id = record(store, metadata={"ctn_names": ",".join(names), **labels}, **fields)
    if merge:
        hosts = {host.hostname: host.id for host in store.hosts()}
        store.merge_hosts(hosts["nas"], hosts["pi"])
    update = store.update(update_id)
    assert len(update.containers) == CONTAINERS
    assert update.containers[-400:] == tuple(f"b-{number:04}" for number in range(400))
    assert sum(map(len, update.container_metadata.values())) <= METADATA_KEYS
