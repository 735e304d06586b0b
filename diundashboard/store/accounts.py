"""The interface: who may log in."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Account, Actor, Level

SETUP_CODES = 10
"""How many codes for the first account are valid at the same time: each start of a process prints one."""


class Accounts(ABC):
    """Accounts, and the creation of the first one. Names are compared without regard to case.

    Every change is in the audit.
    """

    @abstractmethod
    def accounts(self) -> tuple[Account, ...]:
        """Every account, sorted by name regardless of case."""

    @abstractmethod
    def credentials(self, name: str) -> tuple[Account, str] | None:
        """The account with a password that has this name, and the hash of its password; None if there is none."""

    @abstractmethod
    def add_account(self, name: str, level: Level, password_hash: str, by: Actor = NOBODY) -> Account:
        """Add an account that logs in with a password. This deletes the codes for the first account.

        Raises:
            Invalid: the name is empty or longer than 100 characters.
            Conflict: an account has this name.
        """

    @abstractmethod
    def add_first_account(self, name: str, password_hash: str, code: str | None, by: Actor = NOBODY) -> Account:
        """Add an admin while there is no account. `code` is the SHA-256 of a printed code; None checks no code.

        Raises:
            Invalid: the name is empty or longer than 100 characters.
            Conflict: there is an account.
            NotFound: no start printed this code.
        """

    @abstractmethod
    def keep_setup_code(self, code: str) -> bool:
        """Keep the SHA-256 of a code that can create the first account, and return True; False if there is an account.

        The 10 newest codes are kept.
        """

    @abstractmethod
    def knows_setup_code(self, code: str) -> bool:
        """Whether the code with this SHA-256 can create the first account."""

    @abstractmethod
    def recognize(self, issuer: str, subject: str, name: str, level: Level) -> Account:
        """The account of a person whom an OpenID provider confirms, created or updated with this name and level.

        If the level changes, the sessions of the account end. In the audit, the provider acts.
        """

    @abstractmethod
    def set_password(self, account_id: int, password_hash: str, by: Actor = NOBODY) -> None:
        """Change the password of an account. All its sessions end, and its known browsers are forgotten.

        Raises:
            NotFound: no account with a password has this id.
        """

    @abstractmethod
    def renew_hash(self, account_id: int, old: str, new: str) -> None:
        """Replace the hash of a password with another one of the same password, unless it has changed meanwhile."""

    @abstractmethod
    def set_level(self, account_id: int, level: Level, by: Actor = NOBODY) -> None:
        """Change what an account may do. All its sessions end if that changes anything.

        Raises:
            NotFound: no account has this id.
            Conflict: it is the last admin with a password.
        """

    @abstractmethod
    def remove_account(self, account_id: int, by: Actor = NOBODY) -> None:
        """Delete an account. All its sessions end. What it did stays in the history under its name.

        Raises:
            NotFound: no account has this id.
            Conflict: it is the last admin with a password.
        """
