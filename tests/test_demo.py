"""The demo: a year to try the dashboard with."""

from __future__ import annotations

import os
import re
import subprocess

from diundashboard.config import Config
from diundashboard.model import State, UpdateQuery
from diundashboard.store import open_store
from tests.dashboard import COMMAND, environment


def demo(config: Config) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "demo"], env=environment(config), capture_output=True, text=True, cwd=os.sep)


def test_the_demo_fills_an_empty_database_and_refuses_one_with_data(config: Config) -> None:
    first = demo(config)
    assert first.returncode == 0, first.stderr
    store = open_store(config)
    assert [host.hostname for host in store.hosts()] == ["nas", "pi-cellar", "vps"]
    known = store.updates(UpdateQuery(state=None, per_page=200)).updates
    images = {(update.hostname, update.repository) for update in known}
    assert len(images) == 60, "as the README says"
    assert all(re.fullmatch("[a-z0-9]+([-./][a-z0-9]+)*", repository) for _, repository in images)
    summary = store.summary()
    assert summary.pending > 10
    assert {"major", "minor", "patch"} <= set(summary.kinds)
    assert len(store.insights().notifications) > 300
    for state in State:
        assert store.updates(UpdateQuery(state=state)).total
    stamp = store.stamp()
    again = demo(config)
    assert again.returncode == 1
    assert "needs an empty one" in again.stderr.splitlines()[-1]
    assert store.stamp() == stamp
    store.close()
