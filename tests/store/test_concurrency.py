"""Many at once: what they did adds up."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest

from diundashboard.config import Config
from diundashboard.model import State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store, open_store

IMAGES = 5
ROUNDS = 20
START_TIMEOUT = 60


def work(store: Store, worker: int) -> None:
    """Record every image on a shared host with a container of this worker's own, and act on what is there."""
    for turn in range(ROUNDS):
        for number in range(IMAGES):
            fields = {
                "image": f"app{number}:1",
                "hostname": "nas",
                "digest": "sha256:aa",
                "metadata": {"ctn_names": f"worker{worker}"},
            }
            update_id = store.record(parse(json.dumps(fields).encode()))
            store.tag_update(update_id, f"tag{(worker + turn) % 3}")
            store.acknowledge([update_id], f"worker{worker}")
            if turn % 2:
                store.reopen([update_id])
        known = [update.id for update in store.updates(UpdateQuery(state=None)).updates]
        store.acknowledge(known if worker % 2 else known[::-1], f"worker{worker}")


def check(store: Store, workers: int) -> None:
    page = store.updates(UpdateQuery(state=None))
    assert page.total == IMAGES
    for update in page.updates:
        assert update.notifications == workers * ROUNDS == len(store.history(update.id))
        assert update.containers == tuple(sorted(f"worker{worker}" for worker in range(workers)))
        assert update.state == State.ACKNOWLEDGED
        assert update.tag is not None
    tags = store.tags()
    assert [tag.name for tag in tags] == ["tag0", "tag1", "tag2"]
    assert sum(tag.updates for tag in tags) == IMAGES


def test_sixteen_threads_on_sqlite_add_up(config_of: Callable[[str], Config]) -> None:
    store = open_store(config_of("sqlite"))
    errors: list[BaseException] = []

    def guarded(worker: int) -> None:
        try:
            work(store, worker)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check(store, 16)
    store.close()


def _in_process(config: Config, worker: int, ready: Any) -> None:
    store = open_store(config)
    ready.wait(START_TIMEOUT)
    work(store, worker)
    store.close()


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_four_processes_add_up(config_of: Callable[[str], Config], backend: str) -> None:
    config = config_of(backend)
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(4)
    processes = [spawn.Process(target=_in_process, args=(config, worker, ready)) for worker in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    store = open_store(config)
    check(store, 4)
    store.close()
