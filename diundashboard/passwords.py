"""Passwords: hashed with Argon2id, and compared in the same time whether there is an account or not."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from diundashboard.config import LONGEST_PASSWORD, SHORTEST_PASSWORD
from diundashboard.model import Invalid

_HASHER = PasswordHasher(time_cost=2, memory_cost=20 * 1024, parallelism=1)
"""About 50 ms and 20 MiB for each comparison (RFC 9106 and OWASP advise no less)."""

_AT_ONCE = 2
_PATIENCE = 0.5
"""Seconds that a comparison waits for its turn before it gives up: pages need the thread."""

_turns = BoundedSemaphore(_AT_ONCE)


class Busy(Exception):
    """Too many passwords are being compared."""


def hashed(password: str) -> str:
    """The hash of a new password.

    Raises:
        Invalid: it has fewer than 8 or more than 1,024 characters.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"a password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
    return _HASHER.hash(_bytes(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether `kept` is the hash of this password. For None, an account that does not exist, it takes as long.

    Raises:
        Busy: two others are being compared, and their turn takes too long.
    """
    nobody = _nobody()
    if len(password) > LONGEST_PASSWORD:
        return False
    if not _turns.acquire(timeout=_PATIENCE):
        raise Busy
    try:
        _HASHER.verify(kept or nobody, _bytes(password))
    except VerifyMismatchError:
        return False
    finally:
        _turns.release()
    return bool(kept)


def outdated(kept: str) -> bool:
    """Whether this hash was made with other parameters than those of new ones."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobody() -> str:
    return _HASHER.hash("the password of no account")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
