"""The rules about DIUN's runs: what a report says, when the next run is late, when a notification is missing. Pure.

They follow DIUN's source (internal/app/app.go, hc.go and job.go). A result counts what was found, not what was sent:

- `new` includes the first check of every repository, which DIUN does not report unless `firstCheckNotif` is set. A
  result does not distinguish the two, so new tags are not compared with the notifications that arrived.
- `updated` is never a first check. DIUN reports each, and waits for the answer before the run ends, unless the image's
  `notify_on` leaves out `update`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from diundashboard.model import Pulse, Run, Scan

GAPS = 3
"""How many intervals between runs must be known before a run can be late."""

LENIENCE = timedelta(minutes=10)
"""How late a run may be, in addition to a quarter of the usual wait."""

TOLD_FOR = timedelta(days=7)
"""For how long a run with a missing notification is shown."""

_RESULT = re.compile(
    r"""\s*(?P<scanned>[0-9]{1,9})\ tag\(s\)\ have\ been\ scanned:
        \s*\*\ (?P<new>[0-9]{1,9})\ new\ tag\(s\)\ found
        \s*\*\ (?P<updated>[0-9]{1,9})\ tag\(s\)\ updated
        \s*\*\ (?P<unchanged>[0-9]{1,9})\ tag\(s\)\ unchanged
        \s*\*\ (?P<skipped>[0-9]{1,9})\ tag\(s\)\ skipped
        \s*\*\ (?P<failed>[0-9]{1,9})\ tag\(s\)\ with\ error""",
    re.VERBOSE,
)


def scan_of(report: str) -> Scan | None:
    """The numbers in a report; None if the report is not the result of a run."""
    found = _RESULT.match(report)
    return Scan(**{name: int(number) for name, number in found.groupdict().items()}) if found else None


def pulse_of(
    pulse_id: int, name: str, host_id: int | None, runs: Sequence[Run], reports_updates: bool, now: datetime
) -> Pulse:
    """What the runs of one name, newest first, show.

    `reports_updates` is whether an update of the host was ever reported.
    """
    begun = [run.began_at for run in runs if run.began_at]
    wait = _usual_wait(begun)
    late = wait is not None and now - begun[0] > wait * 1.25 + LENIENCE
    short = _short(runs, now) if reports_updates else None
    return Pulse(pulse_id, name, host_id, tuple(runs), wait, late, short)


def _usual_wait(begun: Sequence[datetime]) -> timedelta | None:
    """The second longest time between two runs: the longest may have been an outage, while a schedule that leaves out
    nights or weekends does so more than once.
    """
    gaps = sorted(later - earlier for later, earlier in pairwise(begun))
    return gaps[-2] if len(gaps) >= GAPS else None


def _short(runs: Sequence[Run], now: datetime) -> Run | None:
    """The last run with a missing notification, if at most half of those before it missed some too.

    If that is usual, the `notify_on` of some images leaves out updates.
    """
    compared = [run for run in runs if run.started_at and run.ended_at and run.scan and run.scan.updated]
    missing = [_misses(run) for run in compared]
    if True not in missing:
        return None
    place = missing.index(True)
    run, before = compared[place], missing[place + 1 :]
    recent = run.ended_at is not None and now - run.ended_at <= TOLD_FOR
    return run if recent and before.count(True) <= before.count(False) else None


def _misses(run: Run) -> bool:
    return run.scan is not None and run.updates_arrived < run.scan.updated
