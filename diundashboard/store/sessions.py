"""The interface: sessions and login attempts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta

from diundashboard.model import NOBODY, Actor, Person

IDLE = timedelta(days=7)
"""After this time without use, a session ends."""

LONGEST = timedelta(days=30)
"""A session ends at this age."""

NOTED_EVERY = timedelta(minutes=10)
"""How often the use of a session is stored."""

SESSIONS = 100
"""How many sessions an account has at the same time; a further one ends the oldest."""

BROWSERS = 20
"""How many browsers of an account are known; a further one replaces the oldest."""


class Sessions(ABC):
    """Sessions, known by the SHA-256 of a random token in hexadecimal digits, which only the browser has."""

    @abstractmethod
    def begin_session(self, account_id: int, key: str, proof: str = "", hint: str = "", address: str = "") -> None:
        """Begin a session, and write this into the audit. `proof` is the hash of the password that was compared; `hint`
        is kept for the logout at an OpenID provider; `address` is where the person is.

        Raises:
            NotFound: no account has this id, or its password has another hash by now.
        """

    @abstractmethod
    def person_of(self, key: str, used: bool) -> Person | None:
        """Who has the session; None if it has ended. `used` says whether a person, and not a script, uses it.

        A session ends 7 days after its last use, and at the age of 30 days. Uses are noted every ten minutes.
        """

    @abstractmethod
    def end_session(self, key: str, address: str = "") -> str:
        """End a session that has not ended, write this into the audit, and return its hint, or ""."""

    @abstractmethod
    def end_sessions(self, account_id: int, by: Actor = NOBODY) -> None:
        """End all sessions of an account, and write this into the audit."""

    @abstractmethod
    def attempt(self, key: str) -> timedelta:
        """Count an attempt to log in as failed until `succeeded` says otherwise, and return zero; or, while it comes
        too soon after the last one, count nothing, and return how long to wait. `guessing` has the rule.
        """

    @abstractmethod
    def succeeded(self, key: str) -> None:
        """Forget the attempts that were counted under this key."""

    @abstractmethod
    def know_browser(self, account_id: int, key: str) -> None:
        """Remember that somebody has logged in to the account in the browser with this key."""

    @abstractmethod
    def knows_browser(self, account_id: int, key: str) -> bool:
        """Whether somebody has logged in to the account in the browser with this key."""
