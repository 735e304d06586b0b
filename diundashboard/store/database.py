"""The interface: the connection to the database."""

from __future__ import annotations

from abc import ABC, abstractmethod

OPERATION_LIMIT = 6
"""Seconds in which an operation on a database server succeeds or raises Unavailable, whatever it waits for: a
connection, a lock, an answer. DIUN gives up after ten."""

ACTION_LIMIT = 60
"""The same for changes by people, which can be tens of thousands of updates at a time, on a server that answers when it
begins. A check of everything that is stored has no limit."""


class Database(ABC):
    """The connection to the database."""

    @abstractmethod
    def ping(self) -> None:
        """Check that the database answers."""

    @abstractmethod
    def identity(self) -> str:
        """The id of the database, a UUID that never changes. Read when the store was opened."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection. The store cannot be used afterwards."""
