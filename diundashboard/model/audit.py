"""What somebody did or tried, and who it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the name of an account or a token, and the address that the request came from."""

    name: str = ""
    address: str = ""


NOBODY = Actor()
"""A person or program without a known name."""

COMMAND_LINE = Actor("command line")
"""A person who runs `diundashboard` on the machine itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the audit. `refused` says that it was only tried."""

    id: int
    at: datetime
    by: str
    address: str
    event: str
    detail: str
    refused: bool
