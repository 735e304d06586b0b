"""The interface: what DIUN sends."""

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

        `at` is the time of arrival, if it is not now. `again` is the time of an earlier attempt to store it: if its
        update has a notification with this payload and one of these times, nothing is added.

        The first notification for a host and image creates an update. One with the digest already known only adds to
        the history, the containers and the metadata. One with another digest replaces the update's details; it makes it
        pending again, unless a higher version runs. If it was tried before and is older than the update, it goes into
        the history only. Otherwise it is the newest, whatever the clock says, and gets at least the update's time.

        An image without a tag belongs to the update of its repository that has its digest. A container's id that
        arrives under two repositories shows that DIUN shares metadata. The container metadata of this host is
        then ignored.
        """

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Store a refused request. The last 200 are kept."""

    @abstractmethod
    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        """The requests refused since that time, newest first."""
