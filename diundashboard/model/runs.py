"""The runs that DIUN reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RUNS_KEPT = 30
"""How many runs of one name are kept."""

STRANGERS_KEPT = 200
"""How many names without a host are kept."""

REPORT_LENGTH = 1000
"""How many characters are kept of what DIUN writes about a run. It writes about 170."""


class RunEvent(StrEnum):
    """What one ping reports: a run starts, a run is done, or DIUN stops."""

    START = "start"
    DONE = "done"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Scan:
    """How many tags a run has scanned, and what it found about them."""

    scanned: int
    new: int
    updated: int
    unchanged: int
    skipped: int
    failed: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a DIUN.

    `started_at` is None if its start was not reported, `ended_at` while it runs, or if its end was not reported.
    `stopped` is whether DIUN reported a failure instead of a result, as it does when it is stopped; without a start,
    that was outside of a run. `report` is the text that DIUN sent, `scan` its meaning, if it is a result. `arrived` is
    how many notifications of its host arrived during the run, `updates_arrived` how many of these had DIUN's status
    `update`; both are 0 without a host, a start or an end.
    """

    started_at: datetime | None
    ended_at: datetime | None
    stopped: bool
    report: str
    scan: Scan | None
    arrived: int
    updates_arrived: int

    @property
    def began_at(self) -> datetime | None:
        """When the run began, or ended if its start was not reported; None if DIUN only reported that it stops."""
        return self.started_at or (None if self.stopped else self.ended_at)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The runs that are reported under one name, newest first, and what they show.

    `host_id` is the host that has this name: as its hostname, as one that was merged into it, or as the name that a
    person gave to it. `usual_wait` is the time within which the next run usually begins, once that is known, and `late`
    whether it has been exceeded. `short` is the last run within a week that found more updates than arrived, unless
    DIUN's configuration explains that.
    """

    id: int
    name: str
    host_id: int | None
    runs: tuple[Run, ...]
    usual_wait: timedelta | None
    late: bool
    short: Run | None

    @property
    def last(self) -> Run | None:
        """The newest run; None if DIUN only reported that it stops."""
        return next((run for run in self.runs if run.began_at), None)

    @property
    def stopped_at(self) -> datetime | None:
        """When DIUN stopped, if that was outside of a run, and none has begun since."""
        return self.runs[0].ended_at if self.runs and not self.runs[0].began_at else None
