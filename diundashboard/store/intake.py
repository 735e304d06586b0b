"""The interface: what comes in from DIUN."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from diundashboard.model import (
    Refusal,
)
from diundashboard.notification import Notification


class Intake(ABC):
    """Notifications that are stored, and requests that are refused."""

    @abstractmethod
    def record(
        self, notification: Notification, at: datetime | None = None, again: datetime | None = None
    ) -> int | None:
        """Store a notification, durable on return, and return the id of its update; None for DIUN's own test.

        `at` is the time of arrival, if it is not now. `again` is the time with which storing it was tried before: if
        its update has a notification with this payload of one of these times, nothing is added.

        The first notification for a host and image creates an update. One with the digest already known only adds to
        the history, the containers and the metadata. One with another digest replaces the update's details; it makes it
        pending again, unless a higher version runs. If it was tried before and is older than the update, it goes into
        the history alone. If it was not, it is the newest, whatever the clock says: it gets the update's time at least.

        An image without a tag belongs to the update of its repository that has its digest. A container's id that
        arrives under two repositories shows that DIUN shares metadata: those of this host then count for nothing.
        """

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Store a refused request. The last 200 are kept."""

    @abstractmethod
    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        """The requests refused since that time, newest first."""
