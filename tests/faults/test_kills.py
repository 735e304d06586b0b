"""A dashboard that is killed under load, again and again: whatever it answered with a 2xx is stored."""

from __future__ import annotations

import random
from contextlib import ExitStack, closing

import psutil

from diundashboard.config import Config
from diundashboard.store import open_store
from tests.dashboard import Dashboard, free_port, running
from tests.faults.load import Load, kill, stored, wait_until_stored
from tests.torture import SIZE


def kill_worker(dashboard: Dashboard) -> None:
    """End one of its workers at once; its first process starts another."""
    random.choice(psutil.Process(dashboard.process.pid).children()).kill()


def test_nothing_is_lost_when_workers_and_masters_are_killed(config: Config) -> None:
    port = free_port()
    with ExitStack() as ends:
        dashboard = ends.enter_context(running(config, PORT=str(port)))
        with Load(dashboard) as load:
            for _ in range(2 * SIZE):
                load.wait_for(random.randint(1, 40))
                kill_worker(dashboard)
                load.wait_for(random.randint(1, 40))
                kill(dashboard)
                dashboard = ends.enter_context(running(config, PORT=str(port)))
            load.wait_for(20)
        wait_until_stored(config)
        assert set(load.statuses) <= {0, 200, 202}
        with closing(open_store(config)) as store:
            assert load.taken() - set(stored(config)) == set()
            assert store.check() == ()
