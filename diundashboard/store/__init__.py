"""Where notifications, updates and tags are kept: the interface, and the choice between its two stores."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from datetime import datetime

from diundashboard.config import Config
from diundashboard.model import Page, Received, Tag, Update, UpdateQuery, now
from diundashboard.notification import Notification

logger = logging.getLogger("diundashboard")


class StoreError(Exception):
    """What a store can answer instead of a result; the message is fit for a person."""


class NotFound(StoreError):
    """Nothing has this id."""


class Conflict(StoreError):
    """Something else has this name."""


class Unavailable(StoreError):
    """The database cannot be used; the message says why, without a secret."""


class Store(ABC):
    """What the dashboard remembers, on either database.

    Both stores promise the same, and the contract test holds them to it. Every operation is one transaction: done
    whole, or not at all. Operations may run in any number of threads, and of processes, at once. A store connects at
    its first operation, so that it can be opened before a server forks its workers. Text compares by code point, case
    counts. Each operation raises Unavailable when the database does not answer.
    """

    @abstractmethod
    def record(self, notification: Notification) -> int:
        """Keep a notification, and return the id of the update that it is about. Durable on return.

        The first one for its host and image begins an update. One with the digest that is known already adds to the
        history, the containers and the metadata, and changes nothing else. Another digest makes the update pending
        again and speaks for it from now on.
        """

    @abstractmethod
    def updates(self, query: UpdateQuery) -> Page:
        """One page of updates, newest first, the later recorded first where times are equal.

        A page beyond the last one is empty.
        """

    @abstractmethod
    def update(self, update_id: int) -> Update:
        """One update.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def history(self, update_id: int) -> tuple[Received, ...]:
        """The notifications of an update, newest first.

        Raises:
            NotFound: no update has this id.
        """

    @abstractmethod
    def acknowledge(self, update_ids: Collection[int], by: str) -> int:
        """Mark updates done, and return how many of them were pending.

        Acknowledging twice keeps the first time and person.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def reopen(self, update_ids: Collection[int]) -> int:
        """Take an acknowledgement back, and return how many of the updates were acknowledged.

        Raises:
            NotFound: one of the ids is unknown; then none is changed.
        """

    @abstractmethod
    def tags(self) -> tuple[Tag, ...]:
        """Every tag with the number of its updates, by name: letters A to Z first without regard to case."""

    @abstractmethod
    def create_tag(self, name: str) -> Tag:
        """Add a tag.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: a tag has this name.
        """

    @abstractmethod
    def rename_tag(self, tag_id: int, name: str) -> Tag:
        """Give a tag another name.

        Raises:
            Invalid: the name is empty or too long.
            NotFound: no tag has this id.
            Conflict: another tag has this name.
        """

    @abstractmethod
    def delete_tag(self, tag_id: int) -> None:
        """Remove a tag, and its assignments with it.

        Raises:
            NotFound: no tag has this id.
        """

    @abstractmethod
    def has_tag(self, tag_id: int) -> bool:
        """Whether a tag has this id."""

    @abstractmethod
    def assign_tag(self, reference: str, tag_id: int) -> str:
        """Tag a repository, or one exact image where the reference names a version; return the reference as kept.

        It replaces the tag that the same reference had. The tag of an exact image wins over its repository's.

        Raises:
            Invalid: the reference is blank.
            NotFound: no tag has this id.
        """

    @abstractmethod
    def unassign_tag(self, reference: str) -> None:
        """Take the tag from a repository or an exact image. It is no error if there is none.

        Raises:
            Invalid: the reference is blank.
        """

    @abstractmethod
    def tag_update(self, update_id: int, name: str | None) -> Tag | None:
        """Give the repository of an update the tag of this name, which is created if there is none; None takes its tag.

        A tag of the update's exact image gives way.

        Raises:
            Invalid: the name is empty or too long.
            NotFound: no update has this id.
        """

    @abstractmethod
    def ping(self) -> None:
        """Ask the database for an answer."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection. The store cannot be used afterwards."""


def open_store(config: Config, clock: Callable[[], datetime] = now) -> Store:
    """The store that the settings choose, its schema brought up to date.

    The drivers are imported here, so that a process loads one of them only.

    Raises:
        Unavailable: the database does not answer, or is not one that this program can use; one line says why.
    """
    if config.database_url:
        logger.info("Using PostgreSQL database")
        from diundashboard.store.postgres import PostgresStore

        return PostgresStore(config.database_url, clock)
    logger.info("Using SQLite database at %s", config.db_path)
    from diundashboard.store.sqlite import SQLiteStore

    return SQLiteStore(config.db_path, clock)
