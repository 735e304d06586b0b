"""Many at once: what they did adds up."""

from __future__ import annotations

import json
import multiprocessing
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from diundashboard.config import Config
from diundashboard.model import NEXT_VERSION, Action, Selection, State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Conflict, Declined, NotFound, Store, Unavailable, open_store
from diundashboard.store.postgres import database as postgres
from diundashboard.store.sqlite import SQLiteStore, keeper
from diundashboard.store.sqlite import database as sqlite
from tests.conftest import STORES
from tests.store.asking import recorded
from tests.torture import SIZE
from tests.updates import heard

IMAGES = 5
ROUNDS = 8 * SIZE
START_TIMEOUT = 60
EVERY = UpdateQuery(state=None, per_page=200, fold=False)


def record(store: Store, image: str, **fields: Any) -> int:
    return recorded(store, json.dumps({"image": image, "hostname": "nas", "digest": "sha256:aa", **fields}).encode())


def work(store: Store, worker: int) -> None:
    """Record every image on a shared host with a container of this worker's own, and act on what is there."""
    by = f"worker{worker}"
    for turn in range(ROUNDS):
        for number in range(IMAGES):
            update_id = record(store, f"app{number}:1", metadata={"ctn_names": by})
            one = Selection((update_id,))
            store.tag_updates(one, f"tag{(worker + turn) % 3}", by)
            store.acknowledge(one, by)
            store.annotate(one, by, by)
            if turn % 2:
                store.reopen(one, by)
        known = [update.id for update in store.updates(EVERY).updates]
        store.acknowledge(Selection(tuple(known if worker % 2 else known[::-1])), by)


def check(store: Store, workers: int) -> None:
    page = store.updates(EVERY)
    assert page.total == IMAGES
    for update in page.updates:
        assert update.notifications == workers * ROUNDS == len(heard(store, update.id))
        assert update.containers == tuple(sorted(f"worker{worker}" for worker in range(workers)))
        assert update.state == State.ACKNOWLEDGED
        assert update.tag is not None
    tags = store.tags()
    assert [tag.name for tag in tags] == ["tag0", "tag1", "tag2"]
    assert sum(tag.updates for tag in tags) == IMAGES
    assert sum(noise.notifications for noise in store.insights().noisiest) == workers * ROUNDS * IMAGES
    assert store.hosts()[0].notifications == workers * ROUNDS * IMAGES
    # The last seven days: each update is done once more than it was reopened.
    assert sum(store.summary().done) == IMAGES


def run_at_once(config: Config, target: Callable[..., None], count: int) -> Store:
    """Run `target(store, number, barrier)` in that many processes; the store as they left it."""
    # Its processes share no connection with this one, and import nothing that the server has imported.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])
    barrier = server.Barrier(count)
    processes = [server.Process(target=_in_process, args=(config, target, number, barrier)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count
    return open_store(config)


def _in_process(config: Config, target: Callable[..., None], number: int, barrier: Any) -> None:
    store = open_store(config)
    barrier.wait(START_TIMEOUT)
    target(store, number, barrier)
    store.close()


def _work(store: Store, number: int, barrier: Any) -> None:
    work(store, number)


def _record_one_version_each(store: Store, number: int, barrier: Any) -> None:
    for turn in range(ROUNDS):
        barrier.wait(START_TIMEOUT)
        record(store, f"app{turn}:1.{(number + turn) % 2}.0")


def _record_one_digest(store: Store, number: int, barrier: Any) -> None:
    for turn in range(ROUNDS):
        barrier.wait(START_TIMEOUT)
        record(
            store, "app:1", digest=f"sha256:{turn}", metadata={"ctn_names": f"c{number}", f"label{number}": str(turn)}
        )


def _record_and_assign(store: Store, number: int, barrier: Any) -> None:
    for turn in range(ROUNDS):
        tag_id = next(tag.id for tag in store.tags() if tag.name == "media")
        barrier.wait(START_TIMEOUT)
        if number:
            store.assign_tag(f"app{turn}", tag_id)
        else:
            record(store, f"app{turn}:1")


def _record_at_first_sight(store: Store, number: int, barrier: Any) -> None:
    for turn in range(ROUNDS):
        barrier.wait(START_TIMEOUT)
        record(store, f"app{turn}:1", hostname=f"host{number}")


def _do_anything(store: Store, number: int, barrier: Any) -> None:
    """Everything that writes, in a random order; what another process has just deleted may be unknown."""
    chance = random.Random(number)
    actions: list[int] = []
    for _ in range(60 * SIZE):
        try:
            done = chance.choice(_moves(store, chance, actions))()
        except (NotFound, Conflict, IndexError, ValueError):
            continue
        if isinstance(done, Action) and done.id:
            actions.append(done.id)


def _moves(store: Store, chance: random.Random, actions: list[int]) -> list[Callable[[], object]]:
    rows = store.updates(EVERY).updates
    ids = tuple(update.id for update in chance.sample(rows, min(len(rows), chance.randint(1, 8))))
    found = Selection(query=UpdateQuery(state=chance.choice([None, *State])))
    some = Selection(ids) if chance.random() < 0.7 else found

    def merge() -> None:
        host, into = chance.sample(store.hosts(), 2)
        store.merge_hosts(host.id, into.id)

    return [
        *[lambda: _record_anything(store, chance)] * 6,
        lambda: store.acknowledge(some, ""),
        lambda: store.reopen(some, ""),
        lambda: store.snooze(some, chance.choice([None, NEXT_VERSION]), ""),
        lambda: store.mute(some, chance.random() < 0.5, ""),
        lambda: store.annotate(some, chance.choice(["", "a", "b"]), ""),
        lambda: store.tag_updates(some, chance.choice([None, "a", "b", "c"]), ""),
        lambda: store.say_running(ids[0], chance.choice(["", "1.0", "1.3"]), ""),
        lambda: store.undo(actions.pop(), ""),
        lambda: store.change_tag(store.tags()[0].id, chance.choice("abc"), chance.randrange(12)),
        lambda: store.delete_tag(store.tags()[0].id),
        lambda: store.create_rule(f"*app{chance.randrange(3)}", store.tags()[0].id),
        lambda: store.delete_rule(store.rules()[0].id),
        merge,
        lambda: store.forget_host(store.hosts()[0].id),
        lambda: store.rename_host(store.hosts()[0].id, chance.choice(["", "x"])),
        lambda: store.save_view(chance.choice("ab"), ""),
        lambda: store.start_with(store.views()[0].id),
    ]


def _record_anything(store: Store, chance: random.Random) -> None:
    metadata = {"tag": chance.choice("abc")} if chance.random() < 0.5 else {"current": "1.0"}
    record(
        store,
        f"app{chance.randrange(4)}:1.{chance.randrange(4)}",
        hostname=f"host{chance.randrange(4)}",
        digest=f"sha256:{chance.randrange(2)}",
        metadata=metadata,
    )


def assert_consistent(store: Store) -> None:
    """What the stores keep beside the history, to answer fast, is what follows from it."""
    assert store.check() == ()
    for update in store.updates(EVERY).updates:
        assert update.notifications == len(heard(store, update.id))


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


@pytest.mark.parametrize("backend", STORES)
def test_four_processes_add_up(config_of: Callable[[str], Config], backend: str) -> None:
    store = run_at_once(config_of(backend), _work, 4)
    check(store, 4)
    assert_consistent(store)
    store.close()


def test_a_notification_is_given_up_before_diun_does_where_others_wait_for_the_file_too(
    config_of: Callable[[str], Config],
) -> None:
    config = config_of("sqlite")
    with closing(open_store(config)) as store, closing(sqlite3.connect(config.db_path)) as other:
        one = Selection((record(store, "app:1"),))
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        with ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(store.acknowledge, one, "person") for _ in range(3)]
            with pytest.raises(Unavailable):
                record(store, "app:2")
            assert time.monotonic() - begin < 9
            other.rollback()
            for job in waiting:
                with suppress(Unavailable):
                    job.result()
        record(store, "app:2")
        assert store.updates(EVERY).total == 2


def test_nobody_waits_without_end_behind_a_long_operation_on_sqlite(
    config_of: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite, keeper):
        monkeypatch.setattr(module, "BUSY_TIMEOUT", 0.1)
    running, enough = threading.Event(), threading.Event()
    with closing(SQLiteStore(config_of("sqlite").db_path)) as store, ThreadPoolExecutor(1) as threads:

        def work_long() -> None:
            with store._transaction():
                running.set()
                enough.wait(30)

        job = threads.submit(work_long)
        assert running.wait(30)
        for operation in (store.stamp, store.tags, store.ping, store.close):
            with pytest.raises(Declined, match="busy with other things"):
                operation()
        enough.set()
        job.result()
        assert store.tags() == ()


@pytest.mark.postgres
def test_a_notification_is_given_up_where_postgresql_waits_for_a_lock(
    config_of: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_WAIT", 0.2)
    config = config_of("postgres")
    with closing(open_store(config)) as store, psycopg.connect(config.database_url) as other:
        known = record(store, "app:1")
        other.execute("LOCK TABLE series IN ACCESS EXCLUSIVE MODE")
        for image in ("app:1", "app:2"):
            with pytest.raises(Declined, match="lock timeout"):
                record(store, image)
        other.rollback()
        assert record(store, "app:1") == known
        assert (store.update(known).notifications, store.updates(EVERY).total) == (2, 1)


@pytest.mark.postgres
def test_what_people_do_waits_while_hosts_are_merged(
    config_of: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_WAIT", 0.2)
    config = config_of("postgres")
    with closing(open_store(config)) as store, psycopg.connect(config.database_url) as merging:
        one = Selection((record(store, "app:1"),))
        done = store.acknowledge(one, "person")
        merging.execute("SELECT pg_advisory_xact_lock(%s)", (postgres.NEWS_LOCK,))
        with pytest.raises(Unavailable, match="lock timeout"):
            store.reopen(one, "person")
        with pytest.raises(Unavailable, match="lock timeout"):
            store.undo(done.id, "person")
        merging.rollback()
        store.undo(done.id, "person")
        assert store.updates(UpdateQuery()).total == 1


def test_what_cannot_be_stored_takes_nothing_with_it_that_came_at_the_same_moment(store: Store) -> None:
    def whole(number: int) -> int:
        return record(store, f"app{number}:1")

    def broken(number: int) -> None:
        body = json.dumps({"image": f"broken{number}:1", "hostname": "nas"}).encode()
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            store.record(replace(parse(body), platform=None))  # type: ignore[arg-type]

    with ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(job, number) for number in range(40) for job in (whole, broken)]
    for job in jobs:
        job.result()
    assert sorted(update.image for update in store.updates(EVERY).updates) == sorted(
        f"docker.io/library/app{number}:1" for number in range(40)
    )


@pytest.mark.parametrize("backend", STORES)
def test_two_versions_of_a_series_at_the_same_moment_fold_right(
    config_of: Callable[[str], Config], backend: str
) -> None:
    store = run_at_once(config_of(backend), _record_one_version_each, 2)
    rows = store.updates(UpdateQuery()).updates
    assert sorted((row.repository, row.version, row.older) for row in rows) == sorted(
        (f"library/app{turn}", "1.1.0", 1) for turn in range(ROUNDS)
    )
    assert_consistent(store)
    store.close()


@pytest.mark.parametrize("backend", STORES)
def test_one_digest_from_two_processes_at_the_same_moment_is_new_once(
    config_of: Callable[[str], Config], backend: str
) -> None:
    store = run_at_once(config_of(backend), _record_one_digest, 2)
    (update,) = store.updates(EVERY).updates
    assert (update.notifications, update.containers) == (2 * ROUNDS, ("c0", "c1"))
    # The second of two that say the same adds what it knows to the first.
    assert {update.container_metadata[f"c{number}"][f"label{number}"] for number in (0, 1)} == {str(ROUNDS - 1)}
    assert list(store.insights().pending.values())[-1:] == [1]
    assert len({received.digest for received in heard(store, update.id)}) == ROUNDS
    store.close()


@pytest.mark.parametrize("backend", STORES)
@pytest.mark.parametrize("turns", [_record_and_assign, _record_at_first_sight])
def test_an_update_and_its_tag_at_the_same_moment_find_each_other(
    config_of: Callable[[str], Config], backend: str, turns: Callable[..., None]
) -> None:
    config = config_of(backend)
    store = open_store(config)
    store.create_rule("*", store.create_tag("media").id)
    store.close()
    store = run_at_once(config, turns, 2)
    assert {update.tag.name for update in store.updates(EVERY).updates if update.tag} == {"media"}
    assert_consistent(store)
    store.close()


@pytest.mark.parametrize("backend", STORES)
def test_whatever_is_done_at_once_nobody_is_refused_and_all_fits_together(
    config_of: Callable[[str], Config], backend: str
) -> None:
    store = run_at_once(config_of(backend), _do_anything, 4)
    assert_consistent(store)
    store.close()


@pytest.mark.postgres
def test_a_database_that_isolates_otherwise_changes_nothing(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_isolation = serializable")
    store = run_at_once(Config(database_url=postgres_url), _work, 2)
    check(store, 2)
    store.close()
