"""The interface: check the stored state against the history, and prune old history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from diundashboard.model import Difference, Pruned

PRUNED_AT_ONCE = 1000
"""How many notifications one transaction looks at while old ones are pruned."""


class Upkeep(ABC):
    """Check the stored state, and prune the old history."""

    @abstractmethod
    def check(self, repair: bool = False) -> tuple[Difference, ...]:
        """Fold the history of every series, and compare what is stored with it; with `repair`, write what differs.

        It also compares the tag of each update with its assignments, and the numbers of the days for hosts that were
        never forgotten: those of a forgotten host are not known.
        """

    @abstractmethod
    def faults(self) -> tuple[str, ...]:
        """The faults of the database itself, a sentence each: what its own check finds, rows whose series or
        update is not there, and fewer notifications counted than stored.

        `check` cannot repair these: restore a backup.
        """

    @abstractmethod
    def prune(self, before: datetime, dry_run: bool = False) -> Pruned:
        """Delete the repeats that arrived before a time, and the payloads of other notifications from before it.

        With `dry_run`, only count them. What a pending, snoozed or muted update received stays as it is, and so do the
        first and the last notification of each host. No state depends on what is removed: `check` finds the same
        before and after. Numbers of notifications stay those of all that arrived.

        It works in small transactions, so that notifications can be stored in between. If the database fails in the
        middle, what was removed stays removed, and the next call removes the rest.
        """
