"""Both stores, driven by the same random operations, return the same."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from diundashboard.config import Config
from diundashboard.model import (
    NEXT_VERSION,
    Action,
    Age,
    Group,
    HistoryQuery,
    Invalid,
    Refusal,
    Selection,
    Sort,
    State,
    Tag,
    UpdateQuery,
)
from diundashboard.store import Conflict, NotFound, Store, open_store
from tests.conftest import Clock
from tests.store.asking import recorded
from tests.torture import SIZE

EXAMPLES = 8 * SIZE
STEPS = 50
UNKNOWN = 10**9

TEXTS = st.sampled_from(
    ["", "a", "A", "ä", "Ä", "日本語", "a\0b", "\ud800", "100%", "a_b", "a\\b", "'", '"', "x" * 5000, "ü" * 5000, " a "]
)
VERSIONS = ["1", "1.1", "1.2-rc1", "1.2", "1.10.0", "v2", "1-alpine", "2-alpine", "latest", "sha-1a2b3c4"]
IMAGES = st.sampled_from(
    [
        # Most of them are of one series, so that what is done meets what was done.
        *[f"nginx:{version}" for version in ("1", "1.1", "1.2")] * 4,
        *(f"nginx:{version}" for version in VERSIONS),
        *("NGINX:1", "r:5000/nginx:1", "n@sha256:aa", "n:1@sha256:aa", "n:2", "ä:1", "a_b:1", "a%b:1", "x" * 5000),
    ]
)
HOSTS = st.sampled_from(["a", "a", "a", "", "A", "ä", "a\0b", "ü" * 5000])
LABELS = st.dictionaries(
    st.sampled_from(["ctn_names", "ctn_id", "tag", "stack", "current", "current_digest", "a\0b", "x" * 5000]),
    st.sampled_from(["", " ", "a", "a,b", "ä", "b" * 101, "c" * 5000, "100%", "sha256:aa", *VERSIONS]),
    max_size=3,
)
PATTERNS = st.sampled_from(
    ["*", "nginx", "*nginx", "docker.io/library/n*", "*a_b", "*a%b", "*[n]*", "*?", "*!*", "ä*", "", "x" * 400, "*\\*"]
)
TIMES = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(seconds=-5)])
UNTIL = st.sampled_from([None, timedelta(hours=1), timedelta(days=40), timedelta(days=-1), "next version"])


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """None of the values of a filter, or one or two."""
    return st.sampled_from([(), (), *itertools.permutations(values, 1), *itertools.permutations(values, 2)])


QUERIES = st.builds(
    UpdateQuery,
    state=st.sampled_from([None, *State]),
    page=st.integers(1, 2),
    per_page=st.sampled_from([1, 3, 200]),
    search=st.sampled_from(["", "NGINX", "a b", "Ä", "100%", "_", "x" * 5000]),
    host=st.just(()) | st.lists(HOSTS, max_size=2).map(tuple),
    tag=some("-", "a", "ä", "nowhere"),
    registry=some("docker.io", "r:5000"),
    provider=some("", "docker"),
    kind=some("new", "rebuild", "minor"),
    stack=some("", "a", "ä"),
    age=st.sampled_from([None, None, *Age]),
    sort=st.sampled_from(Sort),
    group=st.sampled_from(Group),
    fold=st.booleans(),
)

LOOKS: list[Callable[[Store], Any]] = [
    Store.tags,
    Store.summary,
    Store.totals,
    Store.hosts,
    Store.insights,
    Store.rules,
    Store.views,
]


class Stores(RuleBasedStateMachine):
    """An operation on both stores at once. Ids may differ, so each store's own are kept in pairs."""

    pair: tuple[Store, Store]
    clock: Clock
    stamps: tuple[str, ...] = ("", "")
    page: Any = None
    turn = 0

    recorded = Bundle("recorded")
    tags = Bundle("tags")
    done = Bundle("done")

    def both(self, operate: Callable[[Store, int], Any]) -> tuple[Any, Any]:
        results = tuple(self._outcome(operate, index) for index in (0, 1))
        assert self.plain(results[0]) == self.plain(results[1])
        return results

    def _outcome(self, operate: Callable[[Store, int], Any], index: int) -> Any:
        try:
            return operate(self.pair[index], index)
        except (NotFound, Conflict, Invalid) as error:
            return type(error).__name__

    @staticmethod
    def plain(result: Any) -> Any:
        """The result without ids, which a store may give as it likes."""
        if dataclasses.is_dataclass(result) and not isinstance(result, type):
            fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
            return {
                name: value is None if name.endswith("id") else Stores.plain(value) for name, value in fields.items()
            }
        if isinstance(result, tuple):
            return [Stores.plain(part) for part in result]
        return result

    def chosen(self, updates: list[Any], query: UpdateQuery | None, index: int) -> Selection:
        return Selection(tuple(pair[index] for pair in updates), query)

    @rule(step=TIMES)
    def wait(self, step: timedelta) -> None:
        self.clock.time += step

    @rule(
        target=recorded,
        image=IMAGES,
        host=HOSTS,
        digest=st.sampled_from(["sha256:aa", "sha256:bb", ""]),
        status=st.sampled_from(["new", "update", "ä"]),
        provider=st.sampled_from(["", "docker"]),
        metadata=LABELS,
        step=TIMES,
    )
    def record(
        self, image: str, host: str, digest: str, status: str, provider: str, metadata: dict[str, str], step: timedelta
    ) -> Any:
        self.clock.time += step
        fields = {"image": image, "hostname": host, "digest": digest, "status": status, "provider": provider}
        body = json.dumps(fields | {"created": "2026-11-01T00:00:00Z", "metadata": metadata}).encode()
        ids = tuple(recorded(store, body) for store in self.pair)
        assert all(type(update_id) is int for update_id in ids)
        return ids

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, by=TEXTS)
    def acknowledge(self, ids: list[Any], query: UpdateQuery | None, by: str) -> Any:
        return self.both(lambda store, i: store.acknowledge(self.chosen(ids, query, i), by))

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, by=TEXTS)
    def reopen(self, ids: list[Any], query: UpdateQuery | None, by: str) -> Any:
        return self.both(lambda store, i: store.reopen(self.chosen(ids, query, i), by))

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, wait=UNTIL)
    def snooze(self, ids: list[Any], query: UpdateQuery | None, wait: timedelta | str | None) -> Any:
        until = NEXT_VERSION if isinstance(wait, str) else None if wait is None else self.clock.time + wait
        return self.both(lambda store, i: store.snooze(self.chosen(ids, query, i), until, ""))

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, muted=st.booleans())
    def mute(self, ids: list[Any], query: UpdateQuery | None, muted: bool) -> Any:
        return self.both(lambda store, i: store.mute(self.chosen(ids, query, i), muted, ""))

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, note=TEXTS)
    def annotate(self, ids: list[Any], query: UpdateQuery | None, note: str) -> Any:
        return self.both(lambda store, i: store.annotate(self.chosen(ids, query, i), note, ""))

    @rule(target=done, ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES, name=TEXTS | st.none())
    def tag_updates(self, ids: list[Any], query: UpdateQuery | None, name: str | None) -> Any:
        return self.both(lambda store, i: store.tag_updates(self.chosen(ids, query, i), name, ""))

    @rule(target=done, update=recorded, version=st.sampled_from(["", *VERSIONS]))
    def say_running(self, update: Any, version: str) -> Any:
        return self.both(lambda store, i: store.say_running(update[i], version, ""))

    @rule(action=done, by=TEXTS)
    def undo(self, action: Any, by: str) -> None:
        self.both(lambda store, i: store.undo(_id(action[i]), by))

    @rule(action=done)
    def look_at_what_was_done(self, action: Any) -> None:
        self.both(lambda store, i: store.action(_id(action[i])))

    @rule(update=recorded)
    def act_on_one_that_is_unknown(self, update: Any) -> None:
        for act in (Store.acknowledge, Store.reopen):
            self.both(lambda store, i, act=act: getattr(store, act.__name__)(Selection((update[i], UNKNOWN)), ""))  # type: ignore[misc]

    @rule(target=tags, name=TEXTS)
    def create_tag(self, name: str) -> Any:
        return self.both(lambda store, _: store.create_tag(name))

    @rule(tag=tags, name=TEXTS, colour=st.integers(-1, 12))
    def change_tag(self, tag: Any, name: str, colour: int) -> None:
        self.both(lambda store, i: store.change_tag(_id(tag[i]), name, colour))

    @rule(tag=tags)
    def delete_tag(self, tag: Any) -> None:
        self.both(lambda store, i: store.delete_tag(_id(tag[i])))
        self.both(lambda store, i: store.has_tag(_id(tag[i])))

    @rule(tag=tags, image=IMAGES | TEXTS)
    def assign_tag(self, tag: Any, image: str) -> None:
        self.both(lambda store, i: store.assign_tag(image, _id(tag[i])))

    @rule(image=IMAGES | TEXTS)
    def unassign_tag(self, image: str) -> None:
        self.both(lambda store, _: store.unassign_tag(image))

    @rule(tag=tags, pattern=PATTERNS)
    def create_rule(self, tag: Any, pattern: str) -> None:
        self.both(lambda store, i: store.create_rule(pattern, _id(tag[i])))

    @rule(place=st.integers(0, 2))
    def delete_rule(self, place: int) -> None:
        def delete(store: Store, _: int) -> None:
            known = store.rules()
            store.delete_rule(known[place].id if place < len(known) else UNKNOWN)

        self.both(delete)

    @rule(host=HOSTS, name=TEXTS)
    def rename_host(self, host: str, name: str) -> None:
        self.both(lambda store, _: store.rename_host(_host(store, host), name))

    @rule(host=HOSTS, into=HOSTS)
    def merge_hosts(self, host: str, into: str) -> None:
        self.both(lambda store, _: store.merge_hosts(_host(store, host), _host(store, into)))

    @rule(host=HOSTS)
    def trust_metadata(self, host: str) -> None:
        self.both(lambda store, _: store.trust_metadata(_host(store, host)))

    @rule(host=HOSTS)
    def forget_host(self, host: str) -> None:
        self.both(lambda store, _: store.forget_host(_host(store, host)))

    @rule(name=TEXTS, query=TEXTS, start=st.booleans())
    def save_view(self, name: str, query: str, start: bool) -> None:
        saved = self.both(lambda store, _: store.save_view(name, query))
        if start:
            self.both(lambda store, i: store.start_with(_id(saved[i])))

    @rule(place=st.integers(0, 2))
    def delete_view(self, place: int) -> None:
        def delete(store: Store, _: int) -> None:
            known = store.views()
            store.delete_view(known[place].id if place < len(known) else UNKNOWN)

        self.both(delete)

    @rule()
    def start_with_no_view(self) -> None:
        self.both(lambda store, _: store.start_with(None))

    @rule(reason=TEXTS, back=st.integers(0, 3))
    def refuse(self, reason: str, back: int) -> None:
        refusal = Refusal(self.clock.time - timedelta(days=back), reason, 400, reason, reason)
        self.both(lambda store, _: store.refuse(refusal))
        self.both(lambda store, _: store.refusals(self.clock.time - timedelta(days=2)))

    @rule(update=recorded)
    def look_at_one(self, update: Any) -> None:
        for look in (Store.update, Store.series, Store.older, Store.timeline):
            self.both(lambda store, i, look=look: getattr(store, look.__name__)(update[i]))  # type: ignore[misc]

    @rule(query=QUERIES, earlier=st.none() | TIMES)
    def look_at_a_page(self, query: UpdateQuery, earlier: timedelta | None) -> None:
        asked = query if earlier is None else dataclasses.replace(query, until=self.clock.time - earlier)
        self.both(lambda store, _: store.updates(asked))
        self.both(lambda store, _: store.choices(asked))

    @rule(ids=st.lists(recorded, max_size=3), query=st.none() | QUERIES)
    def look_at_a_selection(self, ids: list[Any], query: UpdateQuery | None) -> None:
        self.both(lambda store, i: store.chosen(self.chosen(ids, query, i)))

    @rule(search=TEXTS, host=st.none() | HOSTS, kind=st.sampled_from([None, "new", "minor"]), limit=st.integers(1, 5))
    def look_at_the_history(self, search: str, host: str | None, kind: str | None, limit: int) -> None:
        query = HistoryQuery(search=search, host=host, kind=kind, limit=limit)
        first = self.both(lambda store, _: store.notifications(query))
        if first[0]:
            self.both(lambda store, i: store.notifications(dataclasses.replace(query, before=first[i][-1].id)))

    @invariant()
    def everything_is_the_same(self) -> None:
        page = self.both(lambda store, _: store.updates(UpdateQuery(state=None, per_page=200, fold=False)))[0]
        # A difference in the rest stays: one look at it after each operation finds it, and all of them at the end.
        self.turn += 1
        self.look_at_the_whole(LOOKS if SIZE > 1 else [LOOKS[self.turn % len(LOOKS)]])
        stamps = tuple(store.stamp() for store in self.pair)
        if self.page not in (None, page):
            assert all(now != before for now, before in zip(stamps, self.stamps, strict=True))
        self.page, self.stamps = page, stamps

    def look_at_the_whole(self, looks: Sequence[Callable[[Store], Any]]) -> None:
        for look in looks:
            self.both(lambda store, _, look=look: getattr(store, look.__name__)())  # type: ignore[misc]


def _id(outcome: Action | Tag | str) -> int:
    return UNKNOWN if isinstance(outcome, str) else outcome.id


def _host(store: Store, hostname: str) -> int:
    ids = {host.hostname: host.id for host in store.hosts()}
    return ids.get(hostname.replace("\0", "\ufffd"), UNKNOWN)


@pytest.mark.postgres
def test_both_stores_return_the_same_whatever_is_asked_of_them(postgres_url: str, migrated_file: Path) -> None:
    clock = Clock()
    clock.step = timedelta(0)
    postgres = open_store(Config(database_url=postgres_url), clock)

    class Machine(Stores):
        def __init__(self) -> None:
            super().__init__()
            self._folder = tempfile.TemporaryDirectory()
            file = shutil.copy(migrated_file, self._folder.name)
            self.pair = (open_store(Config(db_path=str(file)), clock), postgres)
            self.clock = clock
            clock.time = Clock().time
            _empty(postgres_url)

        def teardown(self) -> None:
            self.look_at_the_whole(LOOKS)
            self.both(lambda store, _: store.choices(UpdateQuery()))
            self.pair[0].close()
            self._folder.cleanup()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    postgres.close()


def _empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "TRUNCATE updates, notifications, tags, tag_assignments, hosts, series, actions, action_items, days, "
            "tag_rules, views, refusals"
        )
