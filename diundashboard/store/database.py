"""The interface: the connection to the database."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Database(ABC):
    """The connection to the database."""

    @abstractmethod
    def ping(self) -> None:
        """Check that the database answers."""

    @abstractmethod
    def identity(self) -> str:
        """The id of the database, a UUID that was made once and stays with it. Read when the store was opened."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection. The store cannot be used afterwards."""
