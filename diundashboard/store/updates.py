"""The interface: the updates, and the numbers about them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import (
    Choices,
    Page,
    Selection,
    Summary,
    Totals,
    Update,
    UpdateQuery,
)


class Updates(ABC):
    """Find and count updates."""

    @abstractmethod
    def updates(self, query: UpdateQuery) -> Page:
        """One page of updates in the order of the query. Equal updates are sorted newest first.

        Newest first means by time received, then by order recorded. What is done together is sorted by order recorded
        alone. A page after the last one is empty.
        """

    @abstractmethod
    def choices(self, query: UpdateQuery) -> Choices:
        """The values that each filter can have, each with the number of updates it would show."""

    @abstractmethod
    def totals(self) -> Totals:
        """The numbers shown in the navigation."""

    @abstractmethod
    def summary(self) -> Summary:
        """The numbers at the top of the page: what is pending, and what was done."""

    @abstractmethod
    def update(self, update_id: int) -> Update:
        """One update.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def series(self, update_id: int) -> tuple[Update, ...]:
        """The versions in an update's series, newest first; at most 100.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def older(self, update_id: int) -> tuple[Update, ...]:
        """The older versions folded under an update, newest first.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        """The updates in a selection, sorted by host and name; at most the first 1,000.

        Raises:
            NotFound: one of the ids is unknown.
        """

    @abstractmethod
    def stamp(self) -> str:
        """A version stamp: changes whenever a page of updates would change.

        That is with each notification, each action, each edit, and each snooze that ends.
        """
