"""The interface: a whole database, to be carried elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from diundashboard.model import Contents


class Carry(ABC):
    """A whole database, to be carried elsewhere."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether DIUN reported nothing and nobody did anything. Refused requests do not count."""

    @abstractmethod
    def contents(self) -> AbstractContextManager[Contents]:
        """Everything that is stored at one moment, while others continue to read and write.

        Two databases that store the same have equal contents, row by row. Rows are read one at a time.
        """

    @abstractmethod
    def restore(self, contents: Contents) -> None:
        """Store these contents. The database must be empty; its refused requests are replaced.

        Contents of an earlier schema are brought up to date. On any error, also one raised while the rows are read, the
        database stays as it was.

        Raises:
            Conflict: the database is not empty.
            Invalid: the contents are of a later schema, or do not fit it.
        """
