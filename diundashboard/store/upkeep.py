"""The interface: whether what is stored is what the history says."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import Difference


class Upkeep(ABC):
    """Whether what is stored is what the history says."""

    @abstractmethod
    def check(self, repair: bool = False) -> tuple[Difference, ...]:
        """Fold the history of every series, and compare what is stored with it; with `repair`, write what differs.

        It also compares the tag of each update with its assignments, and the numbers of the days for hosts that were
        never forgotten: nothing tells what those of a forgotten host were.
        """
