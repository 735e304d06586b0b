"""The interface: every notification received, and what people did."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import (
    Action,
    HistoryQuery,
    Received,
)


class History(ABC):
    """Read the history."""

    @abstractmethod
    def notifications(self, query: HistoryQuery) -> tuple[Received, ...]:
        """Notifications, newest first. The search finds words in the image and the names of the host, in any case."""

    @abstractmethod
    def actions(self, query: HistoryQuery) -> tuple[Action, ...]:
        """Actions, newest first; `kind` has no meaning for them.

        The search finds words in the updates that an action changed, in the names of their hosts, in the name of the
        person, and in the name of a tag that was given, in any case.
        """

    @abstractmethod
    def received(self, notification_id: int) -> Received:
        """One notification.

        Raises:
            NotFound: no notification has this id.
        """

    @abstractmethod
    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        """The notifications and actions in an update's series, newest first, from an offset on.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def digest_before(self, update_id: int) -> str:
        """The digest that an update had before its present one; "" if none, or if the id is unknown."""
