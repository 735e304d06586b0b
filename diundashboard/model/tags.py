"""Tags, and the rules that give them."""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = 12
"""How many colours a tag can have."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that a person gives to images. `updates` counts the updates that have it, `colour` is one of twelve."""

    id: int
    name: str
    updates: int = 0
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Tags repositories that have no other tag and whose name matches a pattern; `*` in it matches anything."""

    id: int
    pattern: str
    tag: Tag
