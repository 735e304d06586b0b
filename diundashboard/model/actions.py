"""What people do with updates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

NEXT_VERSION = datetime(9999, 1, 1, tzinfo=UTC)
"""Snoozed until this time means until a newer version or digest arrives, which ends every snooze."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person did, to `count` rows.

    `label` names the row if there was only one; in the timeline of an update, the version acknowledged or reopened.
    `can_undo` is false once it is undone, and where nothing is left of what it was done to.
    """

    id: int
    at: datetime
    by: str
    verb: str
    detail: str
    count: int
    label: str = ""
    undone_at: datetime | None = None
    undone_by: str = ""
    can_undo: bool = True

    @property
    def undone(self) -> bool:
        return self.undone_at is not None
