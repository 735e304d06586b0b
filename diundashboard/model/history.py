"""The history of notifications, and the requests that were refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from diundashboard.model.invalid import Invalid
from diundashboard.model.updates import PER_PAGE_LIMIT

REFUSALS_KEPT = 200
"""How many refused requests are remembered."""


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
class HistoryQuery:
    """Which notifications or actions, newest first. `before` is the id of the last one seen: pages do not shift.

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
class Refusal:
    """A webhook request that was not stored, and why. `excerpt` is the start of its body."""

    at: datetime
    address: str
    status: int
    reason: str
    excerpt: str
