"""Saved views of the updates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of the updates: a name for a query string."""

    id: int
    name: str
    query: str
    is_start: bool = False
