"""The interface: what programs show instead of logging in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from diundashboard.model import NOBODY, Actor, Invalid, Level, Person, Token

TOKENS = 200
"""How many tokens there can be."""


class Tokens(ABC):
    """Tokens, known by their SHA-256 in hexadecimal digits, which is all that is kept of them."""

    @abstractmethod
    def tokens(self) -> tuple[Token, ...]:
        """Every token, sorted by name regardless of case, also those that have expired."""

    @abstractmethod
    def add_token(
        self, name: str, level: Level, key: str, expires_at: datetime | None = None, by: Actor = NOBODY
    ) -> Token:
        """Add a token.

        Raises:
            Invalid: the name is empty, longer than 100 characters or not printable; the level is admin; it has expired.
            Conflict: a token has this name, or there are 200 tokens.
        """

    @abstractmethod
    def remove_token(self, token_id: int, by: Actor = NOBODY) -> None:
        """Delete a token, which stops working immediately.

        Raises:
            NotFound: no token has this id.
        """

    @abstractmethod
    def bearer_of(self, key: str) -> Person | None:
        """Who shows the token, named `token NAME`; None if there is none, or it has expired.

        Uses are noted every ten minutes.
        """


def check_token(level: Level, expires_at: datetime | None, now: datetime) -> None:
    """Raise Invalid if no token may have this level or this expiry."""
    if level == Level.ADMIN:
        raise Invalid("a token can only have the level read or write")
    if expires_at is not None and expires_at <= now:
        raise Invalid("the expiry of a token must be in the future")


def bearer(name: str, level: str) -> Person:
    """The name under which the token with this name acts."""
    return Person(f"token {name}", Level(level))
