"""What the history adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from diundashboard.model.updates import Update

INSIGHT_DAYS = 371
"""How many days the insights show: 53 weeks."""

WAITS = 2000
"""How many of the updates done last the waits are taken from."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long updates waited until they were done: the median and the 90th percentile, by nearest rank."""

    label: str
    count: int
    median: timedelta
    percentile_90: timedelta


@dataclass(frozen=True, slots=True)
class Noise:
    """The number of notifications about one repository, on all hosts."""

    name: str
    notifications: int


@dataclass(frozen=True, slots=True)
class Insights:
    """The statistics of the history.

    `notifications` counts by day and kind, `pending` says how many were open at the end of each day, both for the last
    53 weeks and without the days before the first notification. The waits are those of the last 2,000 updates done.
    """

    notifications: Mapping[date, Mapping[str, int]]
    pending: Mapping[date, int]
    waits_by_tag: tuple[Wait, ...]
    waits_by_host: tuple[Wait, ...]
    noisiest: tuple[Noise, ...]
    oldest: tuple[Update, ...]
