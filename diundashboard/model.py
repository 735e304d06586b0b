"""The frozen types that pass between the rooms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from diundashboard import image

TAG_NAME_LENGTH = 100
"""The longest name of a tag, in characters."""

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
    name = storable(text).strip()
    if not name:
        raise Invalid("a tag needs a name")
    if len(name) > TAG_NAME_LENGTH:
        raise Invalid(f"a tag's name has at most {TAG_NAME_LENGTH} characters, not {len(name)}")
    return name


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


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that a person gives to images; `updates` counts the updates that carry it."""

    id: int
    name: str
    updates: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """What one image on one host needs now. Times are in UTC."""

    id: int
    hostname: str
    image: str
    registry: str
    repository: str
    version: str
    digest: str
    status: str
    kind: str
    provider: str
    platform: str
    mime_type: str
    hub_link: str
    diun_version: str
    created: datetime | None
    metadata: Mapping[str, str]
    containers: tuple[str, ...]
    notifications: int
    first_seen_at: datetime
    received_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    tag: Tag | None

    @property
    def state(self) -> State:
        return State.PENDING if self.acknowledged_at is None else State.ACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class UpdateQuery:
    """Which updates, and which page of them; `state` None means every state.

    Raises:
        Invalid: a page or a size that no answer can have.
    """

    state: State | None = State.PENDING
    page: int = 1
    per_page: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.page <= 1_000_000:
            raise Invalid("page must be from 1 to 1000000")
        if not 1 <= self.per_page <= PER_PAGE_LIMIT:
            raise Invalid(f"per_page must be from 1 to {PER_PAGE_LIMIT}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of updates, newest first, and how many there are on all pages."""

    updates: tuple[Update, ...]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True, slots=True)
class Received:
    """One notification in the history; `payload` holds the bytes of the request's body."""

    id: int
    received_at: datetime
    status: str
    digest: str
    payload: bytes
