"""The interface: the audit of actions and refused attempts."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import Actor, Entry
from diundashboard.text import storable

KEPT = {False: 8_000, True: 2_000}
"""How many rows are kept of actions, and of refused attempts. They are separate, so that strangers cannot push out
what people did."""

_DETAIL = 500
"""The longest detail, in characters."""

_NAME = 100
"""The longest name and the longest address of the person or program that acts, in characters."""


class Audit(ABC):
    """The audit. The operations that change tags, rules, hosts, views, accounts, sessions and tokens write their row
    themselves, in the same transaction. No row holds a password, a token or a secret.
    """

    @abstractmethod
    def note(self, by: Actor, event: str, detail: str = "", refused: bool = False) -> None:
        """Write a row for what no other operation records. `refused` marks an attempt that was refused.

        The newest 8,000 rows of actions are kept, and the newest 2,000 of refused attempts.
        """

    @abstractmethod
    def audit(self, before: int | None = None, limit: int = 50) -> tuple[Entry, ...]:
        """Rows with an id below `before`, newest first."""


def row_of(by: Actor, event: str, detail: str) -> tuple[str, str, str, str]:
    """The values of a row as they are stored: by, address, event, detail."""
    text = storable(detail)
    return (
        storable(by.name)[:_NAME],
        storable(by.address)[:_NAME],
        event,
        text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…",
    )
