"""The demo: a year to try the dashboard with."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import closing
from datetime import timedelta

import pytest

from diundashboard import demo
from diundashboard.config import Config
from diundashboard.model import State, UpdateQuery
from diundashboard.store import open_store
from tests.conftest import Clock
from tests.dashboard import COMMAND, environment


def run_demo(config: Config) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "demo"], env=environment(config), capture_output=True, text=True, cwd=os.sep)


def test_the_demo_fills_an_empty_database_and_refuses_one_with_data(config: Config) -> None:
    first = run_demo(config)
    assert first.returncode == 0, first.stderr
    store = open_store(config)
    assert [host.hostname for host in store.hosts()] == ["nas", "pi-cellar", "vps"]
    assert [(pulse.name, pulse.late, pulse.runs[0].scan is not None) for pulse in store.pulses()] == [
        (name, False, True) for name in ("nas", "pi-cellar", "vps")
    ]
    known = store.updates(UpdateQuery(state=None, per_page=200)).updates
    images = {(update.hostname, update.repository) for update in known}
    assert len(images) == 60, "as the README says"
    assert all(re.fullmatch("[a-z0-9]+([-./][a-z0-9]+)*", repository) for _, repository in images)
    assert len(store.insights().notifications) > 300
    for state in State:
        assert store.updates(UpdateQuery(state=state)).total
    stamp = store.stamp()
    again = run_demo(config)
    assert again.returncode == 1
    assert "needs an empty database" in again.stderr.splitlines()[-1]
    assert store.stamp() == stamp
    store.close()


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=2, hours=9), timedelta(days=37, hours=5)], ids=str)
def test_the_demo_shows_every_kind_on_whatever_day_it_is_filled(config: Config, later: timedelta) -> None:
    clock = Clock()
    clock.time += later
    clock.step = timedelta(0)
    with closing(open_store(config, clock)) as store:
        demo.fill(store, lambda time: setattr(clock, "time", time), clock.time)
        summary = store.summary()
        assert summary.pending > 10
        assert {"major", "minor", "patch", "build", "rebuild"} <= set(summary.kinds)
        assert sum(summary.done) > 10
        assert summary.oldest
        assert clock.time - summary.oldest > timedelta(days=30)
