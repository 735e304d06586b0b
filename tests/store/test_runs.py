"""What DIUN reports of its own runs, on both databases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from diundashboard.model import REPORT_LENGTH, RUNS_KEPT, STRANGERS_KEPT, Invalid, Pulse, RunEvent, Scan
from diundashboard.notification import parse
from diundashboard.store import NotFound, Store
from tests.conftest import PAYLOADS, Clock
from tests.pings import STOPPED, result
from tests.store.asking import DAY, OTHER, record

START, DONE, FAIL = RunEvent
TEST = next(path for path in PAYLOADS if path.stem == "15-notif-test").read_bytes()


def pulse_of(store: Store, name: str = "nas") -> Pulse:
    return next(pulse for pulse in store.pulses() if pulse.name == name)


def host_id(store: Store, hostname: str) -> int:
    return next(host.id for host in store.hosts() if host.hostname == hostname)


def test_a_run_is_stored_from_its_start_to_its_end(store: Store, clock: Clock) -> None:
    store.report_run("nas", START, "")
    started = clock.time
    (run,) = pulse_of(store).runs
    assert (run.started_at, run.ended_at, run.report, run.scan, run.stopped) == (started, None, "", None, False)
    clock.time = started + timedelta(minutes=1)
    store.report_run("nas", DONE, result(2, 1, 36, 2, 1))
    ended = clock.time
    (run,) = pulse_of(store).runs
    assert (run.started_at, run.ended_at, run.stopped) == (started, ended, False)
    assert (run.report, run.scan) == (result(2, 1, 36, 2, 1), Scan(42, 2, 1, 36, 2, 1))


def test_a_run_can_end_with_its_diun_and_without_a_start(store: Store) -> None:
    store.report_run("nas", START, "")
    store.report_run("nas", FAIL, STOPPED)
    store.report_run("nas", FAIL, STOPPED)
    store.report_run("nas", DONE, result(unchanged=42))
    runs = [(run.started_at is not None, run.stopped, run.report) for run in pulse_of(store).runs]
    assert runs == [(False, False, result(unchanged=42)), (False, True, STOPPED), (True, True, STOPPED)]


def test_a_run_that_starts_leaves_one_without_an_end_behind(store: Store) -> None:
    for event in (START, START, DONE):
        store.report_run("nas", event, "")
    assert [run.ended_at is not None for run in pulse_of(store).runs] == [True, False]


def test_what_arrives_during_a_run_is_counted_with_it(store: Store, clock: Clock) -> None:
    record(store, "before:1")
    store.report_run("nas", START, "")
    clock.time += timedelta(minutes=5)
    record(store, "a:1", status="new")
    record(store, "a:1", status="update", digest=OTHER)
    record(store, "a:1", status="update", digest=OTHER)
    record(store, "a:1", hostname="pi", status="update")
    store.record(parse(json.dumps(json.loads(TEST) | {"hostname": "nas"}).encode()))
    store.report_run("nas", DONE, result(1, 3))
    clock.time += timedelta(minutes=5)
    store.record(parse(b'{"image": "late:1", "hostname": "nas", "status": "update"}'), clock.time - 5 * DAY / 1440)
    record(store, "after:1", status="update")
    run = pulse_of(store).runs[0]
    assert (run.arrived, run.updates_arrived) == (4, 3)
    assert pulse_of(store).short is None


def test_what_arrives_in_the_next_run_is_not_counted_twice(store: Store) -> None:
    for found in (1, 2):
        store.report_run("nas", START, "")
        for number in range(found):
            record(store, f"a:{number}", status="update")
        store.report_run("nas", DONE, result(0, found))
    assert [run.updates_arrived for run in pulse_of(store).runs] == [2, 1]


def test_a_notification_that_was_answered_late_belongs_to_its_run(store: Store, clock: Clock) -> None:
    """DIUN waits ten seconds for an answer; what it gave up can be stored after all."""
    store.report_run("nas", START, "")
    store.report_run("nas", DONE, result(0, 2))
    clock.time += timedelta(seconds=10)
    record(store, "a:1", status="update")
    clock.time += timedelta(seconds=10)
    record(store, "b:1", status="update")
    assert pulse_of(store).runs[0].updates_arrived == 1


def test_a_run_that_found_more_updates_than_arrived_is_told(store: Store, clock: Clock) -> None:
    record(store, "known:1", status="update")
    clock.time += DAY
    store.report_run("nas", START, "")
    record(store, "a:1", status="update")
    store.report_run("nas", DONE, result(0, 2))
    pulse = pulse_of(store)
    assert pulse.short == pulse.runs[0]
    clock.time += 8 * DAY
    assert pulse_of(store).short is None


def test_a_host_that_never_reported_an_update_misses_none(store: Store) -> None:
    record(store, status="new")
    store.report_run("nas", START, "")
    store.report_run("nas", DONE, result(0, 2))
    assert pulse_of(store).short is None


def test_a_name_belongs_to_the_host_that_is_called_so(store: Store) -> None:
    for hostname in ("nas", "pi", "7c1f0a9b3e55"):
        record(store, hostname=hostname)
    store.rename_host(host_id(store, "7c1f0a9b3e55"), "cellar")
    for name in ("nas", "pi", "cellar", "NAS", "unknown"):
        store.report_run(name, START, "")
    hosts = {pulse.name: pulse.host_id for pulse in store.pulses()}
    assert [name.casefold() for name in hosts] == ["cellar", "nas", "nas", "pi", "unknown"]
    nas = host_id(store, "nas")
    assert hosts == {
        "nas": nas,
        "pi": host_id(store, "pi"),
        "cellar": host_id(store, "7c1f0a9b3e55"),
        "NAS": None,
        "unknown": None,
    }
    store.merge_hosts(host_id(store, "pi"), nas)
    assert pulse_of(store, "pi").host_id == nas
    store.forget_host(nas)
    assert {pulse.name: pulse.host_id for pulse in store.pulses()} == {
        "cellar": hosts["cellar"],
        "NAS": None,
        "unknown": None,
    }
    store.report_run("nas", START, "")
    assert pulse_of(store).host_id is None


def test_a_diun_is_late_by_its_own_rhythm(store: Store, clock: Clock) -> None:
    for _ in range(5):
        clock.time += DAY
        store.report_run("nas", START, "")
        store.report_run("nas", DONE, result(unchanged=42))
    clock.time += 1.25 * DAY
    assert not pulse_of(store).late
    clock.time += timedelta(minutes=15)
    assert pulse_of(store).late


def test_the_last_runs_of_a_name_are_kept(store: Store) -> None:
    for number in range(RUNS_KEPT + 5):
        store.report_run("nas", DONE, f"{number}")
        store.report_run("pi", DONE, "other")
    assert [run.report for run in pulse_of(store).runs] == [f"{number}" for number in range(RUNS_KEPT + 4, 4, -1)]


def test_names_that_are_no_hosts_cannot_fill_the_database(store: Store) -> None:
    record(store, hostname="nas")
    for name in ("nas", "stranger", "pi"):
        store.report_run(name, START, "")
    record(store, hostname="pi")
    for number in range(STRANGERS_KEPT):
        store.report_run(f"invented {number}", START, "")
    names = {pulse.name for pulse in store.pulses()}
    assert len(names) == STRANGERS_KEPT + 2
    assert {"nas", "pi"} < names
    assert "stranger" not in names


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_name_has_a_length(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        store.report_run(name, START, "")
    assert store.pulses() == ()


def test_the_beginning_of_a_report_is_kept(store: Store) -> None:
    store.report_run(" n\0s \ud800", DONE, "é\0" * REPORT_LENGTH)
    (pulse,) = store.pulses()
    assert (pulse.name, pulse.runs[0].report) == ("n\ufffds \ufffd", "é\ufffd" * (REPORT_LENGTH // 2))


def test_a_name_can_be_forgotten_and_is_back_when_it_is_heard(store: Store) -> None:
    store.report_run("nas", DONE, "old")
    store.forget_pulse(pulse_of(store).id)
    assert store.pulses() == ()
    store.report_run("nas", DONE, "new")
    assert [run.report for run in pulse_of(store).runs] == ["new"]
    for unknown in (0, 2**70):
        with pytest.raises(NotFound):
            store.forget_pulse(unknown)


def test_one_name_heard_many_times_at_once_is_one(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.report_run(f"name {number % 3}", DONE, ""), range(48)))
    assert [(pulse.name, len(pulse.runs)) for pulse in store.pulses()] == [(f"name {n}", 16) for n in range(3)]
