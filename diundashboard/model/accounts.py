"""Who may log in, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """What somebody may do; each level contains the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: Level) -> bool:
        """Whether somebody with this level may do what the other level allows."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in.

    `issuer` is the address of the OpenID provider that vouches for them, or "" for an account with a password here.
    """

    id: int
    name: str
    level: Level
    created_at: datetime
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who sent a request. `account_id` is None for somebody without an account here; `issuer` is the account's."""

    name: str
    level: Level
    account_id: int | None = None
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """What a program sends instead of logging in. `expires_at` is None for one that does not expire."""

    id: int
    name: str
    level: Level
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
