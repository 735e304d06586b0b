"""The groups of a page: each is counted, and acted on, over all pages. On both databases."""

from __future__ import annotations

import pytest

from diundashboard.model import UNTAGGED, VALUES_LIMIT, Group, Invalid, Selection, Sort, State, UpdateQuery
from diundashboard.store import Store
from tests.store.asking import counted, record


def fill(store: Store) -> None:
    for number in range(5):
        record(store, f"a{number}:1", metadata={"stack": "media"})
    for number in range(3):
        record(store, f"ghcr.io/x/b{number}:1", hostname="pi")
    record(store, "c:1", hostname="")
    store.acknowledge(Selection((record(store, "done:1", hostname="pi"),)), "")


@pytest.mark.parametrize(
    ("group", "found"),
    [
        (Group.NOTHING, {}),
        (Group.HOST, {"nas": 5, "pi": 3, "": 1}),
        (Group.TAG, {"media": 5, UNTAGGED: 4}),
        (Group.STACK, {"media": 5, "": 4}),
        (Group.REGISTRY, {"docker.io": 6, "ghcr.io": 3}),
    ],
)
def test_a_group_is_counted_on_all_pages_whichever_is_shown(store: Store, group: Group, found: dict[str, int]) -> None:
    fill(store)
    for number in (1, 2, 3):
        page = store.updates(UpdateQuery(group=group, per_page=4, page=number))
        assert page.groups == found
        assert {update.in_group(group) for update in page.updates} <= found.keys() | {""}
    assert sum(store.updates(UpdateQuery(group=Group.HOST, state=None)).groups.values()) == 10


@pytest.mark.parametrize("group", [Group.HOST, Group.TAG, Group.STACK, Group.REGISTRY])
def test_the_query_for_one_group_finds_as_many_as_the_group_counts(store: Store, group: Group) -> None:
    fill(store)
    query = UpdateQuery(group=group, per_page=1, host=("nas", "", "pi"), sort=Sort.NAME)
    for value, count in store.updates(query).groups.items():
        assert store.updates(query.of_group(value)).total == count


def test_a_group_that_is_done_over_all_pages_is_one_action_with_one_undo(store: Store) -> None:
    fill(store)
    until = store.updates(UpdateQuery()).updates[0].received_at
    record(store, "late:1", metadata={"stack": "media"})
    query = UpdateQuery(group=Group.STACK, per_page=2, until=until).of_group("media")
    action = store.acknowledge(Selection(query=query), "person")
    assert action.count == 5
    assert store.updates(UpdateQuery(stack=("media",))).total == 1, "what arrived since is not done unseen"
    store.undo(action.id, "person")
    assert store.updates(UpdateQuery(stack=("media",))).total == 6
    assert store.updates(UpdateQuery(state=State.ACKNOWLEDGED)).total == 1


def test_choices_of_a_filter_are_counted_without_its_own_values(store: Store) -> None:
    fill(store)
    choices = store.choices(UpdateQuery(host=("nas", "pi"), registry=("ghcr.io",)))
    assert counted(choices.host) == {"pi": 3}
    assert counted(choices.registry) == {"docker.io": 5, "ghcr.io": 3}
    assert counted(choices.tag) == {UNTAGGED: 3}
    assert counted(store.choices(UpdateQuery(host=("nas", "pi"))).host) == {"nas": 5, "pi": 3, "": 1}
    assert counted(store.choices(UpdateQuery(stack=("media",))).host) == {"nas": 5}
    assert counted(store.choices(UpdateQuery(stack=("media",))).state)["pending"] == 5


def test_a_filter_with_too_many_values_is_refused() -> None:
    values = tuple(map(str, range(VALUES_LIMIT)))
    UpdateQuery(host=values)
    with pytest.raises(Invalid, match="host takes at most 100 values"):
        UpdateQuery(host=(*values, "more"))
