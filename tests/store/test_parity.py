"""Both stores, driven by the same random operations, return the same."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from diundashboard.config import Config
from diundashboard.model import Invalid, State, Tag, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store, StoreError, open_store
from tests.conftest import Clock

TEXTS = st.sampled_from(
    ["", "a", "A", "ä", "Ä", "日本語", "a\0b", "\ud800", "100%", "a_b", "a\\b", "'", '"', "x" * 5000, "ü" * 5000, " a "]
)
IMAGES = st.sampled_from(
    [
        "nginx:1",
        "nginx:1-alpine",
        "nginx:2",
        "NGINX:1",
        "r:5000/nginx",
        "n@sha256:aa",
        "n:1@sha256:aa",
        "ä:1",
        "x" * 5000,
    ]
)
DIGESTS = st.sampled_from(["sha256:aa", "sha256:bb", ""])
STEPS = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(seconds=-5)])


class Stores(RuleBasedStateMachine):
    """An operation on both stores at once. Ids may differ, so each store's own are kept in pairs."""

    pair: tuple[Store, Store]
    clocks: tuple[Clock, Clock]

    updates = Bundle("updates")
    tags = Bundle("tags")

    def both(self, operate: Callable[[Store, int], Any]) -> tuple[Any, Any]:
        results = tuple(self._outcome(operate, index) for index in (0, 1))
        assert self.plain(results[0]) == self.plain(results[1])
        return results

    def _outcome(self, operate: Callable[[Store, int], Any], index: int) -> Any:
        try:
            return operate(self.pair[index], index)
        except (StoreError, Invalid) as error:
            return type(error).__name__

    @staticmethod
    def plain(result: Any) -> Any:
        """The result without ids, which a store may give as it likes."""
        if dataclasses.is_dataclass(result) and not isinstance(result, type):
            fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
            return {name: Stores.plain(value) for name, value in fields.items() if name != "id"}
        if isinstance(result, tuple):
            return [Stores.plain(part) for part in result]
        return None if type(result) is int else result

    @rule(step=STEPS)
    def wait(self, step: timedelta) -> None:
        for clock in self.clocks:
            clock.step = step

    @rule(target=updates, image=IMAGES, host=TEXTS, digest=DIGESTS, status=TEXTS, names=TEXTS, key=TEXTS, value=TEXTS)
    def record(self, image: str, host: str, digest: str, status: str, names: str, key: str, value: str) -> Any:
        fields = {
            "image": image,
            "hostname": host,
            "digest": digest,
            "status": status,
            "created": "2026-11-01T00:00:00Z",
        }
        body = json.dumps(fields | {"metadata": {"ctn_names": names, key: value}}).encode()
        return self.both(lambda store, _: store.record(parse(body)))

    @rule(ids=st.lists(updates, max_size=3), by=TEXTS, unknown=st.booleans())
    def acknowledge(self, ids: list[Any], by: str, unknown: bool) -> None:
        changed = self.both(lambda store, i: store.acknowledge([pair[i] for pair in ids] + [10**9] * unknown, by))
        assert changed[0] == changed[1]

    @rule(ids=st.lists(updates, max_size=3))
    def reopen(self, ids: list[Any]) -> None:
        changed = self.both(lambda store, i: store.reopen([pair[i] for pair in ids]))
        assert changed[0] == changed[1]

    @rule(target=tags, name=TEXTS)
    def create_tag(self, name: str) -> Any:
        return self.both(lambda store, _: store.create_tag(name))

    @rule(tag=tags, name=TEXTS)
    def rename_tag(self, tag: Any, name: str) -> None:
        self.both(lambda store, i: store.rename_tag(_id(tag[i]), name))

    @rule(tag=tags)
    def delete_tag(self, tag: Any) -> None:
        self.both(lambda store, i: store.delete_tag(_id(tag[i])))

    @rule(tag=tags, image=IMAGES | TEXTS)
    def assign_tag(self, tag: Any, image: str) -> None:
        self.both(lambda store, i: store.assign_tag(image, _id(tag[i])))

    @rule(image=IMAGES | TEXTS)
    def unassign_tag(self, image: str) -> None:
        self.both(lambda store, _: store.unassign_tag(image))

    @rule(update=updates, name=TEXTS | st.none())
    def tag_update(self, update: Any, name: str | None) -> None:
        self.both(lambda store, i: store.tag_update(update[i], name))

    @rule(update=updates)
    def look_at_one(self, update: Any) -> None:
        self.both(lambda store, i: store.update(update[i]))
        self.both(lambda store, i: store.history(update[i]))

    @rule(state=st.sampled_from([None, *State]), page=st.integers(1, 3), per_page=st.integers(1, 4))
    def look_at_a_page(self, state: State | None, page: int, per_page: int) -> None:
        pages = self.both(lambda store, _: store.updates(UpdateQuery(state, page, per_page)))
        assert pages[0].total == pages[1].total

    @invariant()
    def everything_is_the_same(self) -> None:
        self.both(lambda store, _: store.updates(UpdateQuery(state=None, per_page=200)).updates)
        self.both(lambda store, _: store.tags())


def _id(outcome: Tag | str) -> int:
    return outcome.id if isinstance(outcome, Tag) else 10**9


@pytest.mark.postgres
def test_both_stores_return_the_same_whatever_is_asked_of_them(empty_postgres_url: str) -> None:
    clock = Clock()
    postgres = open_store(Config(database_url=empty_postgres_url), clock)

    class Machine(Stores):
        def __init__(self) -> None:
            super().__init__()
            self._folder = tempfile.TemporaryDirectory()
            own = Clock()
            self.pair = (open_store(Config(db_path=str(Path(self._folder.name) / "diun.db")), own), postgres)
            self.clocks = (own, clock)
            clock.time, clock.step = own.time, own.step
            _empty(empty_postgres_url)

        def teardown(self) -> None:
            self.pair[0].close()
            self._folder.cleanup()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    postgres.close()


def _empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE updates, notifications, tags, tag_assignments")
