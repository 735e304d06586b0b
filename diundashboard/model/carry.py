"""A whole database in a form that is the same for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Form(StrEnum):
    """What a column holds, and the Python value that represents it; each can also be None."""

    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
    """An int: microseconds since 1970 in UTC."""
    DAY = "day"
    """An int: days since 1970."""
    BYTES = "bytes"
    JSON = "json"
    """What the JSON decodes to."""
    LIST = "list"
    """A list of str."""


Row = Sequence[Any]
"""A value for each column of the table, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A table and its rows, which can be read once.

    `last_id` is the highest id that the table ever gave out, so that none is given out twice; None if it has no ids.
    """

    name: str
    columns: Mapping[str, Form]
    last_id: int | None
    rows: Iterator[Row]


@dataclass(frozen=True, slots=True)
class Contents:
    """A database: the id of its last migration, and its tables. The rows of each are read before the next table."""

    schema: str
    tables: Iterator[Filled]
