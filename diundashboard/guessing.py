"""How guessing a password is slowed down. Pure.

Attempts are counted for an account together with the address that they come from, so that nobody locks the owner out by
guessing from elsewhere. A browser in which somebody has logged in to the account before is counted apart, so that this
also holds behind a proxy that hides addresses.
"""

from __future__ import annotations

from datetime import timedelta

FREE = 5
"""How many wrong passwords cause no pause."""

LONGEST = timedelta(minutes=1)
"""The longest pause between two attempts: at most 1,440 a day."""

FORGOTTEN_AFTER = timedelta(hours=1)
"""After this time without an attempt, counting starts again."""

KEPT = 10_000
"""How many pairs of account and address are counted; beyond that, the oldest are dropped."""


def pause(failures: int) -> timedelta:
    """The pause between the last of this many wrong passwords and the next attempt."""
    if failures < FREE:
        return timedelta()
    return min(LONGEST, timedelta(seconds=2 ** min(failures - FREE, 10)))


def wait(failures: int, since: timedelta) -> timedelta:
    """How much of that pause is left. Setting the clock back does not extend it."""
    return max(timedelta(), pause(failures) - max(timedelta(), since))
