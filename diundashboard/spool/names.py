"""The names of the files that wait: a number, and the time of arrival. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_NAME = re.compile(r"(?:n(\d{12})-)?(\d{1,20})(?!\d)(?:-(\d{16})(?!\d))?", re.ASCII)
"""Earlier releases used the time only, so their files come first."""


def microseconds(at: datetime) -> int:
    """A time as names have it: microseconds since 1970 in UTC."""
    return (at - _EPOCH) // _MICROSECOND


def name_of(number: int, at: int, tried: int) -> str:
    """The name of the file with this number that arrived at this time, by the clock at another one."""
    return f"n{number:012}-{at:016}" + (f"-{tried:016}" if tried != at else "")


def order(name: str) -> str:
    """The sort key of names. The name of an unfinished file begins with a dot."""
    return name.lstrip(".")


def number_of(name: str) -> int:
    """The number in a name; 0 if it has none."""
    found = _NAME.match(order(name))
    return int(found[1] or 0) if found else 0


def arrival(name: str) -> datetime:
    """The time of arrival in a name.

    Raises:
        ValueError: the name has none.
    """
    return _time(name, 2)


def tried(name: str) -> datetime:
    """The time with which storing was tried first, by the clock, which can have been set back since another arrived.

    Raises:
        ValueError: the name has none.
    """
    found = _NAME.match(order(name))
    return _time(name, 3 if found and found[3] else 2)


def _time(name: str, group: int) -> datetime:
    if found := _NAME.match(order(name)):
        with suppress(OverflowError):
            return _EPOCH + int(found[group]) * _MICROSECOND
    raise ValueError("its name has no time of arrival")
