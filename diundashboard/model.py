"""The frozen types that pass between the rooms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from diundashboard import image

NAME_LENGTH = 100
"""The longest name of a tag or a view, in characters."""

NOTE_LENGTH = 1000
"""The longest note, in characters."""

COLOURS = 12
"""How many colours a tag can have."""

PER_PAGE_LIMIT = 200
"""The most updates on one page."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Invalid(ValueError):
    """What a person or a program asked for makes no sense; the message says what is allowed."""


def now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def storable(text: str) -> str:
    """The text with U+FFFD for what a database cannot hold: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


def tag_name(text: str) -> str:
    """The name of a tag as it is stored: without white space around it.

    Raises:
        Invalid: it is empty or longer than 100 characters.
    """
    return _short_name(text, "tag")


def view_name(text: str) -> str:
    """The name of a view as it is stored: without white space around it.

    Raises:
        Invalid: it is empty or longer than 100 characters.
    """
    return _short_name(text, "view")


def host_name(text: str) -> str:
    """The name that a person gives to a host, as it is stored; "" for none.

    Raises:
        Invalid: it is longer than 100 characters.
    """
    return _short_name(text, "host") if text.strip() else ""


def _short_name(text: str, what: str) -> str:
    name = storable(text).strip()
    if not name:
        raise Invalid(f"a {what} needs a name")
    if len(name) > NAME_LENGTH:
        raise Invalid(f"a {what}'s name has at most {NAME_LENGTH} characters, not {len(name)}")
    return name


def metadata_tag(metadata: Mapping[str, str]) -> str:
    """The name of the tag that a container's label asks for, or its stack; "" if there is none, or it can be none."""
    try:
        return tag_name(metadata.get("tag") or metadata.get("stack", ""))
    except Invalid:
        return ""


def note_text(text: str) -> str:
    """A note as it is stored.

    Raises:
        Invalid: it is longer than 1,000 characters.
    """
    note = storable(text).strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"a note has at most {NOTE_LENGTH} characters, not {len(note)}")
    return note


def assignable(reference: str) -> str:
    """What a tag is assigned to: `registry/repository`, or with `:tag` where the reference names a version.

    Raises:
        Invalid: it is blank.
    """
    text = storable(reference).strip()
    if not text:
        raise Invalid("an image is needed: registry/repository, or registry/repository:tag")
    exact = "@" in text or ":" in text.rpartition("/")[2]
    return image.parse(text).image if exact else image.parse(text).name


class State(StrEnum):
    """What is to be done about an update."""

    PENDING = "pending"
    SNOOZED = "snoozed"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"


class Age(StrEnum):
    """How long ago an update came, or for OLDER how long it has waited: see `Update.waiting_since`."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    OLDER = "older"


class Sort(StrEnum):
    """What orders the rows of a page."""

    AGE = "age"
    WAITING = "waiting"
    NAME = "name"
    HOST = "host"
    KIND = "kind"


class Group(StrEnum):
    """What the rows of a page stand under."""

    NOTHING = "nothing"
    TAG = "tag"
    HOST = "host"
    STACK = "stack"
    REGISTRY = "registry"


NEXT_VERSION = datetime(9999, 1, 1, tzinfo=UTC)
"""Snoozed until then means: until a newer version or digest comes, which ends every snooze."""

UNTAGGED = "-"
"""The name by which a query asks for what has no tag."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that a person gives to images; `updates` counts what carries it, `colour` is one of twelve."""

    id: int
    name: str
    updates: int = 0
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """What one image on one host needs now. Times are in UTC.

    `host` is the name that a person gave to the host, or `hostname`. `older` counts the versions that are folded under
    this one. `waiting_since` is when the first among them and itself asked for attention, whatever came since; of what
    is done or folded, when it did itself. `running_version` is the version taken as running, "" if none is known;
    `from_version` is what it was when this last asked for attention.
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
    status: str
    state: State
    kind: str
    from_version: str
    running_version: str
    prerelease: bool
    older: int
    provider: str
    platform: str
    mime_type: str
    hub_link: str
    diun_version: str
    created: datetime | None
    metadata: Mapping[str, str]
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


@dataclass(frozen=True, slots=True)
class UpdateQuery:
    """Which updates, in which order, and which page of them. None and "" leave a thing open.

    `search` are words that all must occur in the image, its containers, its host or its metadata, in any case. `host`
    is a hostname, `tag` a tag's name or UNTAGGED. `until` leaves out what came later, so that pages stay as they are
    while new notifications arrive. Without `fold`, older versions are rows of their own.

    Raises:
        Invalid: a page or a size that no answer can have.
    """

    state: State | None = State.PENDING
    page: int = 1
    per_page: int = 50
    search: str = ""
    host: str | None = None
    tag: str | None = None
    registry: str | None = None
    provider: str | None = None
    kind: str | None = None
    age: Age | None = None
    sort: Sort = Sort.AGE
    group: Group = Group.NOTHING
    fold: bool = True
    until: datetime | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.page <= 1_000_000:
            raise Invalid("page must be from 1 to 1000000")
        if not 1 <= self.per_page <= PER_PAGE_LIMIT:
            raise Invalid(f"per_page must be from 1 to {PER_PAGE_LIMIT}")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the search, at most eight, as they are compared."""
        return tuple(searchable(self.search).split()[:8])

    @property
    def narrowed(self) -> bool:
        """Whether it asks for less than all that is in its state."""
        chosen = (self.host, self.tag, self.registry, self.provider, self.kind, self.age)
        return bool(self.search) or any(value is not None for value in chosen)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of updates, and how many there are on all pages."""

    updates: tuple[Update, ...]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a filter can have, what a person calls it, and how many updates it would show, or `at_least`."""

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


def choices_of(
    query: UpdateQuery,
    counted: Iterable[tuple[Any, ...]],
    states: Mapping[State | None, Choice],
) -> Choices:
    """The choices of each filter, out of counts by hostname, host, tag, registry, provider and kind together.

    Each of these six texts is followed by the count with the query's age, and by those with each of the four ages. A
    filter's own choices are counted with the other filters in force, so that each says what it would show. A state that
    is not among `states` is the query's own.
    """
    chosen = {"host": query.host, "tag": query.tag, "registry": query.registry, "provider": query.provider}
    chosen["kind"] = query.kind
    totals: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in chosen}
    found_now, by_age = 0, Counter[Age]()
    for hostname, host, tag, registry, provider, kind, count, *ages in counted:
        labels = {"host": host, "tag": tag, "registry": registry, "provider": provider, "kind": kind}
        values = labels | {"host": hostname}
        off = [name for name, value in chosen.items() if value is not None and values[name] != value]
        if not off:
            found_now += count
            by_age.update(dict(zip(Age, ages, strict=True)))
        for name in off if len(off) == 1 else () if off or not count else chosen:
            totals[name][values[name], labels[name]] += count
    found = {
        name: tuple(
            Choice(value, label, count)
            for (value, label), count in sorted(total.items(), key=lambda item: (-item[1], item[0][1], item[0][0]))
            if count
        )
        for name, total in totals.items()
    }
    own = state_choice(query.state, found_now)
    return Choices(
        **found,
        age=tuple(Choice(age, age, by_age[age]) for age in Age),
        state=tuple(states.get(state, own) for state in (*State, None)),
    )


def state_choice(state: State | None, count: int, at_least: bool = False) -> Choice:
    """How many updates are in a state; None is all."""
    name = state or "all"
    return Choice(name, name, count, at_least)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the navigation tells: how many updates are pending, and how many hosts there are."""

    pending: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What is pending by kind, on how many hosts and since when; and what was done on each of the last seven days."""

    kinds: Mapping[str, int]
    hosts: int
    oldest: datetime | None
    done: tuple[int, ...]

    @property
    def pending(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Selection:
    """What an action is for: the updates with these ids, or all that a query finds, on every page."""

    ids: tuple[int, ...] = ()
    query: UpdateQuery | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did, once, to `count` rows.

    `label` names it where it was one; in the timeline of an update, the version that was done or taken back.
    """

    id: int
    at: datetime
    by: str
    verb: str
    detail: str
    count: int
    label: str = ""
    undone: bool = False


def action_label(repository: str, version: str | None, host: str) -> str:
    """What an action on one row was for: `redis on nas`; with the version, where another one is open still."""
    name = repository.rpartition("/")[2]
    return f"{name} {version} on {host or 'unnamed host'}" if version else f"{name} on {host or 'unnamed host'}"


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of the updates: a name for a query string."""

    id: int
    name: str
    query: str
    is_start: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One notification in the history; `payload` holds the bytes of the request's body."""

    id: int
    update_id: int | None
    received_at: datetime
    status: str
    kind: str
    digest: str
    image: str
    host: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that DIUN reports for.

    `name` is what a person calls it, or its `hostname`. `merged` are the hostnames that count as this one.
    `usual_gap` is the longest time between two days with notifications within 90 days, once there were four of them.
    """

    id: int
    hostname: str
    name: str
    merged: tuple[str, ...]
    kinds: Mapping[str, int]
    first_heard_at: datetime
    last_heard_at: datetime
    notifications: int
    provider: str
    diun_version: str
    usual_gap: timedelta | None
    silent: bool

    @property
    def pending(self) -> int:
        return sum(self.kinds.values())

    @property
    def looks_like_a_container(self) -> bool:
        """Whether the hostname is one that Docker gives to a container without `--hostname`: twelve hex digits."""
        return re.fullmatch("[0-9a-f]{12}", self.hostname) is not None


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which notifications, newest first; `before` is the id of the last one seen, so that pages stay as they are.

    Raises:
        Invalid: a size that no answer can have.
    """

    search: str = ""
    host: str | None = None
    kind: str | None = None
    before: int | None = None
    limit: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= PER_PAGE_LIMIT:
            raise Invalid(f"limit must be from 1 to {PER_PAGE_LIMIT}")


@dataclass(frozen=True, slots=True)
class Wait:
    """How long what was done had waited: the median and the 90th percentile, by nearest rank."""

    label: str
    count: int
    median: timedelta
    percentile_90: timedelta


@dataclass(frozen=True, slots=True)
class Noise:
    """How many notifications one repository made, on all hosts."""

    name: str
    notifications: int


@dataclass(frozen=True, slots=True)
class Insights:
    """What the history tells.

    `notifications` counts by day and kind, `pending` says how many were open at the end of each day, both for the last
    53 weeks and without the days before the first notification. The waits are those of the last 2,000 updates done.
    """

    notifications: Mapping[date, Mapping[str, int]]
    pending: Mapping[date, int]
    waits_by_tag: tuple[Wait, ...]
    waits_by_host: tuple[Wait, ...]
    noisiest: tuple[Noise, ...]
    oldest: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request to the webhook that was not stored, and why; `excerpt` is how its body began."""

    at: datetime
    address: str
    status: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Tags what nothing else tags: repositories whose name matches a pattern, in which `*` stands for anything."""

    id: int
    pattern: str
    tag: Tag


INSIGHT_DAYS = 371
"""How many days the insights show: 53 weeks."""

COUNTED_DONE = 5000
"""Among how many of the newest what is done is counted, where a page tells of it in passing."""

WAITS = 2000
"""How many of the last updates done the waits are taken from."""

REFUSALS_KEPT = 200
"""How many refused requests are remembered."""

PATTERN_LENGTH = 300
"""The longest pattern of a rule, in characters."""


def rule_pattern(text: str) -> str:
    """The pattern of a rule as it is stored: with the registry in front, as names of repositories are compared.

    Raises:
        Invalid: it is empty or too long.
    """
    pattern = storable(text).strip()
    if not pattern:
        raise Invalid("a rule needs a pattern, such as ghcr.io/immich-app/*")
    if len(pattern) > PATTERN_LENGTH:
        raise Invalid(f"a pattern has at most {PATTERN_LENGTH} characters, not {len(pattern)}")
    return pattern if pattern.startswith("*") else image.parse(pattern).name


def insight_days(
    today: date, pending: int, counted: Iterable[tuple[date, str, int, int, int]]
) -> tuple[dict[date, dict[str, int]], dict[date, int]]:
    """Notifications by day and kind, and what was open at the end of each day, from the day of the first on.

    `counted` holds day, kind, notifications, opened and closed; `pending` is what is open now, from which the days are
    counted back.
    """
    kinds: dict[date, dict[str, int]] = {}
    change: Counter[date] = Counter()
    for day, kind, notifications, opened, closed in counted:
        if notifications:
            kinds.setdefault(day, {})[kind] = notifications
        change[day] += opened - closed
    open_at: dict[date, int] = {}
    day = today
    while kinds and day >= min(kinds):
        open_at[day] = max(0, pending)
        pending -= change[day]
        day -= timedelta(days=1)
    return dict(sorted(kinds.items())), dict(sorted(open_at.items()))


def searchable(text: str) -> str:
    """Text as searches compare it: without regard to case, in any language."""
    return storable(text).casefold()


def update_kind(running: str, offered: str, rebuilt: bool) -> image.Kind:
    """The kind of an update, where `rebuilt` tells that its tag had another digest before."""
    kind = image.kind(running, offered)
    if kind in (image.Kind.NEW, image.Kind.REBUILD):
        return image.Kind.REBUILD if rebuilt else image.Kind.NEW
    return kind


DERIVED_RULES = 1
"""Goes up when `derive` reads the same facts differently; the stores then fill their derived columns anew."""

_STACK_KEYS = ("stack", "pod_namespace", "job_namespace")
_VALUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Derived:
    """What the stores keep beside an update because SQL cannot read it out of the names."""

    variant: str
    version_key: str
    prerelease: bool
    name: str
    stack: str
    search: str


def derive(
    hostname: str,
    name: str,
    version: str,
    metadata: Mapping[str, str],
    containers: Collection[str],
) -> Derived:
    """Read an update's facts; `name` is its `registry/repository`.

    A version without an order is a series of its own: `=` stands in no tag, so that no variant looks like one.
    """
    read = image.version(version)
    found = {name, version, hostname, *containers, *(value[:_VALUE_LENGTH] for value in metadata.values())}
    return Derived(
        variant=read.variant if read.numbers else f"={version}",
        version_key=read.sort_key,
        prerelease=read.prerelease,
        name=searchable(name.rpartition("/")[2]),
        stack=next((metadata[key] for key in _STACK_KEYS if metadata.get(key)), ""),
        search=searchable(" ".join(sorted(found))),
    )
