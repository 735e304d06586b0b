"""The machines that DIUN reports for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that DIUN reports for.

    `name` is what a person calls it, or its `hostname`. `merged` are the hostnames that count as this one.
    `usual_gap` is the longest time between two days with notifications within 90 days, once there were four of them.
    `metadata_shared_at` is when one container's id first arrived under two repositories, after which the metadata of
    the host's containers count for nothing; None while they do.
    """

    id: int
    hostname: str
    name: str
    merged: tuple[str, ...]
    kinds: Mapping[str, int]
    first_heard_at: datetime
    last_heard_at: datetime
    notifications: int
    provider: str
    diun_version: str
    usual_gap: timedelta | None
    silent: bool
    metadata_shared_at: datetime | None

    @property
    def pending(self) -> int:
        return sum(self.kinds.values())

    @property
    def looks_like_a_container(self) -> bool:
        """Whether the hostname is one that Docker gives to a container without `--hostname`: twelve hex digits."""
        return re.fullmatch("[0-9a-f]{12}", self.hostname) is not None
