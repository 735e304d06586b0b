"""The rules about DIUN's runs: what a report says, when the next run is late, when a notification is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from diundashboard.model import Pulse, Run, Scan
from diundashboard.pulse import pulse_of, scan_of
from tests.pings import STOPPED, result

NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(begun: datetime, updated: int = 0, arrived: int = 0, new: int = 0) -> Run:
    """A run of a minute."""
    report = result(new, updated, 40)
    return Run(begun, begun + HOUR / 60, False, report, scan_of(report), arrived, arrived)


def pulse(*runs: Run, now: datetime = NOW, reports_updates: bool = True) -> Pulse:
    return pulse_of(1, "nas", 1, runs, reports_updates, now)


def every(hours: list[float]) -> list[Run]:
    """Runs with these times between them, newest first; the last of them begins now."""
    moments = [NOW]
    for gap in reversed(hours):
        moments.append(moments[-1] - gap * HOUR)
    return [run(moment) for moment in moments]


def test_the_numbers_of_a_result_are_read() -> None:
    assert scan_of(result(2, 1, 36, 2, 1)) == Scan(42, 2, 1, 36, 2, 1)
    assert scan_of(result(2, 1, 36, 2, 1).replace("\n", "\r\n") + "\n") == Scan(42, 2, 1, 36, 2, 1)


@pytest.mark.parametrize(
    "report",
    ["", STOPPED, "42 tag(s) have been scanned:", result().replace("0 new", "-1 new"), result(int("9" * 10)), "٤" * 9],
)
def test_what_is_no_result_has_no_numbers(report: str) -> None:
    assert scan_of(report) is None


@pytest.mark.parametrize(
    ("hours", "wait"),
    [
        ([24, 24, 24], 24),
        ([6, 6, 6, 6, 6, 80, 6], 6),
        ([24, 24, 24, 24, 72] * 3, 72),
        ([2, 22, 2, 22], 22),
        ([0.1, 24, 24, 24], 24),
        ([24, 24], None),
    ],
    ids=["daily", "an outage", "not at weekends", "twice in the morning", "a restart", "too few to tell"],
)
def test_a_run_is_late_by_its_own_rhythm(hours: list[float], wait: float | None) -> None:
    runs = every(hours)
    usual = None if wait is None else wait * HOUR
    assert pulse(*runs).usual_wait == usual
    if usual is None:
        assert not pulse(*runs, now=NOW + 1000 * HOUR).late
    else:
        limit = NOW + usual * 1.25 + HOUR / 6
        assert not pulse(*runs, now=limit).late
        assert pulse(*runs, now=limit + HOUR / 60).late


def test_that_diun_stops_is_no_run() -> None:
    runs = every([24, 24, 24])
    stop = Run(None, NOW + 23 * HOUR, True, STOPPED, None, 0, 0)
    stopped = pulse(stop, *runs, now=NOW + 40 * HOUR)
    assert (stopped.usual_wait, stopped.late, stopped.last) == (24 * HOUR, True, runs[0])
    assert stopped.stopped_at == stop.ended_at
    assert pulse(*runs).stopped_at is None


def test_a_run_whose_start_was_not_heard_counts_from_its_end() -> None:
    ends = [Run(None, NOW - day * 24 * HOUR, False, result(), scan_of(result()), 0, 0) for day in range(4)]
    assert (pulse(*ends).usual_wait, pulse(*ends).last) == (24 * HOUR, ends[0])


def test_a_run_that_found_more_updates_than_arrived_is_told() -> None:
    short = run(NOW - HOUR, updated=2, arrived=1)
    assert pulse(short).short == short
    assert pulse(run(NOW), short, run(NOW - 2 * HOUR, updated=3, arrived=3)).short == short
    assert pulse(run(NOW - HOUR, updated=2, arrived=2)).short is None
    assert pulse(run(NOW - HOUR, updated=2, arrived=3)).short is None


def test_first_checks_are_not_missed() -> None:
    """DIUN counts them as new and does not report them: nothing tells them from a new tag that got lost."""
    assert pulse(run(NOW - HOUR, new=5)).short is None
    assert pulse(run(NOW - HOUR, new=5, updated=1, arrived=1)).short is None


def test_a_host_that_never_reports_updates_is_taken_to_leave_them_out() -> None:
    assert pulse(run(NOW - HOUR, updated=2), reports_updates=False).short is None


def test_where_most_runs_report_less_than_they_found_nothing_is_told() -> None:
    """`notify_on: new` on some images leaves their updates out, in each run that finds one."""
    runs = [run(NOW - hour * HOUR, updated=2, arrived=1) for hour in range(1, 4)]
    full = [run(NOW - hour * HOUR, updated=1, arrived=1) for hour in range(4, 6)]
    assert pulse(*runs[2:], *full).short == runs[2]
    assert pulse(*runs, *full).short == runs[0]
    assert pulse(*runs, *full[1:]).short is None


@pytest.mark.parametrize(
    "unknown",
    [
        Run(None, NOW, False, result(0, 2), scan_of(result(0, 2)), 0, 0),
        Run(NOW, None, False, "", None, 0, 0),
        Run(NOW, NOW, True, STOPPED, None, 0, 0),
        Run(NOW, NOW, False, "something else", None, 0, 0),
    ],
    ids=["no start", "no end", "stopped", "no numbers"],
)
def test_a_run_that_is_not_known_whole_misses_nothing(unknown: Run) -> None:
    assert pulse(unknown).short is None


def test_a_missing_notification_is_told_for_a_week() -> None:
    short = run(NOW - 7 * 24 * HOUR, updated=1)
    assert pulse(short).short == short
    assert pulse(short, now=NOW + HOUR).short is None
