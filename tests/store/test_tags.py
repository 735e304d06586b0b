"""Tags, what carries them, and the rules that give them, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from diundashboard.model import Invalid, Selection, Tag
from diundashboard.store import Conflict, Store
from tests.store.asking import OTHER, record


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


def test_deleting_a_tag_takes_its_assignments_with_it(store: Store) -> None:
    update_id = record(store)
    store.tag_updates(Selection((update_id,)), "web", "")
    (tag,) = store.tags()
    assert store.has_tag(tag.id)
    store.delete_tag(tag.id)
    assert not store.has_tag(tag.id)
    assert store.update(update_id).tag is None
    assert store.tags() == ()


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


def test_a_label_is_that_hosts_word_about_its_image_alone(store: Store) -> None:
    media = record(store, "a:1", hostname="nas", metadata={"tag": "media"})
    other = record(store, "a:1", hostname="pi", metadata={"stack": "films"})
    silent = record(store, "a:1", hostname="vps")

    def names() -> list[str | None]:
        found = [store.update(each).tag for each in (media, other, silent)]
        return [tag.name if tag else None for tag in found]

    assert names() == ["media", "films", None]
    store.create_rule("*", store.create_tag("ruled").id)
    assert names() == ["media", "films", "ruled"]
    record(store, "a:1", hostname="nas", digest=OTHER, metadata={"tag": "music"})
    assert names() == ["music", "films", "ruled"]
    store.assign_tag("a", store.create_tag("by hand").id)
    assert names() == ["by hand"] * 3
    store.unassign_tag("a")
    assert names()[:2] == ["music", "films"]
    store.delete_tag(next(tag.id for tag in store.tags() if tag.name == "music"))
    assert names()[0] is None


def test_metadata_tags_an_image_at_first_sight_and_a_person_wins(store: Store) -> None:
    update_id = record(store, "a:1", metadata={"stack": "media"})
    tagged = record(store, "b:1", metadata={"stack": "media", "tag": "films"})
    assert [tag and tag.name for tag in (store.update(update_id).tag, store.update(tagged).tag)] == ["media", "films"]
    store.tag_updates(Selection((update_id,)), None, "person")
    assert store.update(record(store, "a:2", metadata={"stack": "media"})).tag is None


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
