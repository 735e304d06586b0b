"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention removes: whole repeats, and the payloads of other notifications. `size` is that of all payloads,
    in bytes."""

    repeats: int = 0
    payloads: int = 0
    size: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.repeats + other.repeats, self.payloads + other.payloads, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored value that is not what the history says. Without a repository it is about the days of the host."""

    hostname: str
    repository: str
    variant: str
    name: str
    stored: object
    folded: object

    def __str__(self) -> str:
        of = " ".join(filter(None, [self.repository, self.variant and f"({self.variant})"]))
        host = self.hostname or "unnamed host"
        return f"{host}{': ' if of else ''}{of}: {self.name} is {self.stored}, the history says {self.folded}"
