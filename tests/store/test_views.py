"""Saved views, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diundashboard.model import Invalid
from diundashboard.store import Conflict, Store


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


def test_a_name_of_a_view_is_taken_over_only_on_demand(store: Store) -> None:
    kept = store.save_view("mine", "?host=nas")
    assert store.save_view("mine", "?host=nas") == kept
    with pytest.raises(Conflict):
        store.save_view(" mine ", "?host=pi")
    assert store.views() == (kept,)
    assert store.save_view("mine", "?host=pi", replace=True) == replace(kept, query="?host=pi")


def test_fifty_views_with_queries_of_a_bounded_length_can_be_saved(store: Store) -> None:
    for number in range(50):
        store.save_view(f"v{number}", f"?q={'x' * 1597}")
    with pytest.raises(Invalid, match="at most 50 views"):
        store.save_view("one more", "")
    with pytest.raises(Invalid, match="at most 1,600 characters"):
        store.save_view("v0", f"?q={'x' * 1598}", replace=True)
    assert store.save_view("v0", "?q=y", replace=True).query == "?q=y"
    store.delete_view(store.views()[-1].id)
    store.save_view("one more", "")
