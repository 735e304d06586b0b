"""Updates, queries and selections of updates, and counts of updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from diundashboard.model.invalid import Invalid
from diundashboard.model.tags import Tag
from diundashboard.text import searchable

PER_PAGE_LIMIT = 200
"""The most updates on one page."""

COUNTED_DONE = 5000
"""How many of the newest finished updates are counted where a page shows the count only in passing."""

UNTAGGED = "-"
"""The tag in a query for updates without a tag."""

FILTERS = ("host", "tag", "registry", "provider", "kind", "stack")
"""The filters that take several values."""

VALUES_LIMIT = 100
"""The most values of one filter."""


class State(StrEnum):
    """What an update needs. A superseded one needs nothing, since a higher version runs."""

    PENDING = "pending"
    SNOOZED = "snoozed"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    SUPERSEDED = "superseded"


STATE_TABS = (State.PENDING, State.SNOOZED, State.ACKNOWLEDGED, State.MUTED, None)
"""The states that the page offers, in their order; None is all."""


class Cause(StrEnum):
    """How a version came to be taken as running: a person marked it as done, a person set it, or a label names it."""

    DONE = "done"
    PERSON = "person"
    LABEL = "label"


class Age(StrEnum):
    """How long ago an update arrived; for OLDER, how long it has been waiting: see `Update.waiting_since`."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    OLDER = "older"


class Sort(StrEnum):
    """The order of the rows of a page."""

    AGE = "age"
    DONE = "done"
    WAITING = "waiting"
    NAME = "name"
    HOST = "host"
    KIND = "kind"


class Group(StrEnum):
    """The grouping of the rows of a page."""

    NOTHING = "nothing"
    TAG = "tag"
    HOST = "host"
    STACK = "stack"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class Update:
    """What one image on one host needs now. Times are in UTC.

    `host` is the name that a person gave to the host, or `hostname`. `pinned` is the digest that the user wrote into
    the image's reference, "" for none. `older` counts the versions that are folded under this one. `waiting_since` is
    when the first among these and itself became pending, regardless of later digests; for a done or folded version,
    when it became pending itself. `running_version` is the running version, "" if none is known; `from_version` is what
    it was when this version last became pending. `container_metadata` is the metadata of each container, by
    its name as DIUN sent it; `metadata` is that of the first in order.
    """

    id: int
    series_id: int
    hostname: str
    host: str
    image: str
    registry: str
    repository: str
    version: str
    digest: str
    pinned: str
    status: str
    state: State
    kind: str
    from_version: str
    running_version: str
    running_cause: Cause | None
    running_at: datetime | None
    prerelease: bool
    older: int
    provider: str
    platform: str
    mime_type: str
    hub_link: str
    diun_version: str
    created: datetime | None
    metadata: Mapping[str, str]
    container_metadata: Mapping[str, Mapping[str, str]]
    containers: tuple[str, ...]
    stack: str
    note: str
    notifications: int
    first_seen_at: datetime
    received_at: datetime
    waiting_since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    snoozed_until: datetime | None
    tag: Tag | None

    def in_group(self, group: Group) -> str:
        """The group that it belongs to, as the filter of this name takes it; "" where nothing is grouped."""
        match group:
            case Group.TAG:
                return self.tag.name if self.tag else UNTAGGED
            case Group.HOST:
                return self.hostname
            case Group.STACK:
                return self.stack
            case Group.REGISTRY:
                return self.registry
        return ""


@dataclass(frozen=True, slots=True)
class UpdateQuery:
    """Which updates, in which order, and which page of them. None, "" and an empty tuple leave a thing open.

    `search` are words that all must occur in the image, its containers, its host or its metadata, in any case. A filter
    finds the updates that have one of its values: `host` takes hostnames, `tag` names of tags or UNTAGGED. Filters
    narrow each other. `until` leaves out what arrived later (or, for done updates, was done later), so that pages do
    not change while new notifications arrive. Without `fold`, older versions are rows of their own.

    Raises:
        Invalid: a page or a size that no answer can have, or too many values.
    """

    state: State | None = State.PENDING
    page: int = 1
    per_page: int = 50
    search: str = ""
    host: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    registry: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    stack: tuple[str, ...] = ()
    age: Age | None = None
    sort: Sort | None = None
    group: Group = Group.NOTHING
    fold: bool = True
    until: datetime | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.page <= 1_000_000:
            raise Invalid("page must be from 1 to 1000000")
        if not 1 <= self.per_page <= PER_PAGE_LIMIT:
            raise Invalid(f"per_page must be from 1 to {PER_PAGE_LIMIT}")
        for name in FILTERS:
            if len(getattr(self, name)) > VALUES_LIMIT:
                raise Invalid(f"{name} takes at most {VALUES_LIMIT} values")

    @property
    def order(self) -> Sort:
        """The sort that applies. Done updates are sorted by when they were done; no others have such a time."""
        done = self.state == State.ACKNOWLEDGED
        if self.sort is None:
            return Sort.DONE if done else Sort.AGE
        return Sort.AGE if self.sort == Sort.DONE and not done else self.sort

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the search as they are compared, at most eight."""
        return tuple(searchable(self.search).split()[:8])

    @property
    def narrowed(self) -> bool:
        """Whether it asks for only some of the updates in its state."""
        return bool(self.search or self.age or any(getattr(self, name) for name in FILTERS))

    def of_group(self, value: str) -> UpdateQuery:
        """The query for one of its groups alone, by `Update.in_group`; the query itself where nothing is grouped."""
        narrower: dict[str, Any] = {} if self.group == Group.NOTHING else {self.group: (value,)}
        return replace(self, **narrower)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of updates, and how many there are on all pages.

    `groups` counts on all pages too, by `Update.in_group`; it is empty where nothing is grouped.
    """

    updates: tuple[Update, ...]
    total: int
    page: int
    per_page: int
    groups: Mapping[str, int]

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter, its label, and how many updates it would show. `at_least`: it may be more."""

    value: str
    label: str
    count: int
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """The values of each filter, most first, ages and states in their order; each counted with the other filters on.

    Under a filter, the states that are not the query's own and hold what is done are counted among its newest 5,000.
    """

    host: tuple[Choice, ...]
    tag: tuple[Choice, ...]
    registry: tuple[Choice, ...]
    provider: tuple[Choice, ...]
    kind: tuple[Choice, ...]
    age: tuple[Choice, ...]
    state: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts in the navigation: pending updates, and hosts."""

    pending: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Pending updates by kind, their hosts and the oldest time, and the number done on each of the last seven days."""

    kinds: Mapping[str, int]
    hosts: int
    oldest: datetime | None
    done: tuple[int, ...]

    @property
    def pending(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Selection:
    """The updates that an action applies to: those with these ids, or all that a query finds, on every page."""

    ids: tuple[int, ...] = ()
    query: UpdateQuery | None = None
