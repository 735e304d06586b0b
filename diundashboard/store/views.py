"""The interface: saved views of the updates page."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Actor, View


class Views(ABC):
    """Saved views, one of which can be the start page. Every change is in the audit."""

    @abstractmethod
    def views(self) -> tuple[View, ...]:
        """The saved views, sorted by name as tags are."""

    @abstractmethod
    def save_view(self, name: str, query: str, replace: bool = False, by: Actor = NOBODY) -> View:
        """Save a query string, with its question mark, as a view.

        Raises:
            Invalid: the name is empty or too long, the query is too long, or there are 50 views already.
            Conflict: a view has this name and another query, and `replace` is false.
        """

    @abstractmethod
    def delete_view(self, view_id: int, by: Actor = NOBODY) -> None:
        """Delete a view.

        Raises:
            NotFound: no view has this id.
        """

    @abstractmethod
    def start_with(self, view_id: int | None, by: Actor = NOBODY) -> None:
        """Make a view the start page; None makes it the plain updates page.

        Raises:
            NotFound: no view has this id.
        """
