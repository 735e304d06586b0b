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
    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """Store a notification, durable on return, and return the id of its update.

        `at` is the time of arrival, if it is not now.

        The first notification for a host and image creates an update. One with the digest already known only adds to
        the history, the containers and the metadata. One with another digest replaces the update's details and makes
        it pending again.
        """

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Store a refused request. The last 200 are kept."""

    @abstractmethod
    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        """The requests refused since that time, newest first."""
