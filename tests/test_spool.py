"""What DIUN says while the database is away: kept on disk, and stored when it is back."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.model import HistoryQuery, State
from diundashboard.spool import Receipt, Spool
from diundashboard.store import Store, Unavailable
from tests.conftest import Clock
from tests.dashboard import Dashboard, running
from tests.updates import heard

KEPT = Receipt(stored=False)

PATIENCE = 30
"""Seconds within which a pool of connections finds its way back."""


def body(image: str, digest: str = "sha256:1") -> bytes:
    return json.dumps({"image": image, "hostname": "nas", "digest": digest}).encode()


def waiting(config: Config) -> Path:
    """The folder that is there while something waits."""
    return Path(config.spool_path) / "waiting"


@pytest.fixture
def away(config: Config, store: Store, request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[None]]:
    """Takes the database away for the length of a block."""
    if not config.database_url:
        return lambda: _file_away(store, Path(config.db_path))
    return lambda: _database_away(request.getfixturevalue("postgres_server"), config.database_url)


@contextmanager
def _file_away(store: Store, path: Path) -> Iterator[None]:
    store.close()
    aside = path.parent / "aside"
    aside.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.move(file, aside)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        for file in aside.iterdir():
            shutil.move(file, path.parent)


@contextmanager
def _database_away(server: str, url: str) -> Iterator[None]:
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(server, autocommit=True) as connection:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


@pytest.fixture
def spool(config: Config, store: Store, clock: Clock) -> Spool:
    return Spool(Path(config.spool_path), store, clock)


def drain(spool: Spool) -> None:
    """Store what waits; a pool may need a moment until it has connections again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return spool.drain()
        except Unavailable:
            if time.monotonic() > deadline:
                raise


def test_what_comes_while_the_database_is_away_is_stored_when_it_is_back(
    config: Config, store: Store, spool: Spool, away: Callable[[], AbstractContextManager[None]], clock: Clock
) -> None:
    first = spool.take(body("nginx:1", "sha256:0")).update
    assert first is not None
    with away():
        assert spool.take(body("nginx:1", "sha256:1")) == KEPT
        with pytest.raises(Unavailable):
            spool.drain()
    second_at = clock.time
    assert spool.take(body("nginx:1", "sha256:2")) == KEPT, "a later one does not overtake those that wait"
    drain(spool)
    clock.time = datetime(2027, 1, 1, tzinfo=UTC)
    update = store.update(first)
    assert (update.digest, update.notifications, update.state) == ("sha256:2", 3, State.PENDING)
    assert [received.digest[-1] for received in heard(store, first)] == ["2", "1", "0"]
    assert heard(store, first)[0].received_at > second_at > heard(store, first)[2].received_at
    assert not waiting(config).exists()
    assert spool.take(body("nginx:1")) == Receipt(stored=True, update=first)


def test_diun_is_answered_that_it_was_kept(
    client: FlaskClient, config: Config, away: Callable[[], AbstractContextManager[None]]
) -> None:
    with away():
        answer = client.post("/webhook", data=body("nginx:1"))
        assert (answer.status_code, answer.json) == (202, {"status": "kept"})
        assert client.post("/webhook", data=b"no JSON").status_code == 400
        assert len(list(waiting(config).iterdir())) == 1


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_what_can_be_neither_stored_nor_kept_is_refused_with_both_reasons(
    config: Config, store: Store, away: Callable[[], AbstractContextManager[None]]
) -> None:
    app = create_app(replace(config, spool_path="/dev/null/spool"), store)
    with away():
        answer = app.test_client().post("/webhook", data=body("nginx:1"))
    assert answer.status_code == 503
    assert answer.json
    assert "cannot be used" in answer.json["error"]
    assert "the notification cannot be kept in /dev/null/spool/waiting either: Not a directory" in answer.json["error"]


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_a_spool_that_leads_nowhere_is_given_up(
    config: Config, store: Store, away: Callable[[], AbstractContextManager[None]]
) -> None:
    Path(config.spool_path).symlink_to("nowhere")
    with away(), pytest.raises(Unavailable, match="cannot be kept in"):
        Spool(Path(config.spool_path), store).take(body("nginx:1"))


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_what_waits_is_stored_by_one_process_only(config: Config, store: Store, spool: Spool) -> None:
    waiting(config).mkdir(parents=True)
    assert spool.take(body("nginx:1")) == KEPT
    with open(Path(config.spool_path) / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        spool.drain()
        assert store.notifications(HistoryQuery()) == ()
    spool.drain()
    assert len(store.notifications(HistoryQuery())) == 1


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_a_file_that_is_no_notification_is_put_aside_and_stops_nothing(
    config: Config, store: Store, spool: Spool
) -> None:
    folder = waiting(config)
    folder.mkdir(parents=True)
    (folder / "1-garbage").write_bytes(b"garbage")
    (folder / "elsewhere").write_bytes(body("redis:7"))
    assert spool.take(body("nginx:1")) == KEPT
    spool.drain()
    assert [received.image for received in store.notifications(HistoryQuery())] == ["docker.io/library/nginx:1"]
    assert {path.name for path in folder.with_name("failed").iterdir()} == {"1-garbage", "elsewhere"}
    assert not folder.exists()


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Another program writes to the file, for longer than DIUN waits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_what_a_killed_process_had_just_written_is_stored(config: Config, store: Store, spool: Spool) -> None:
    folder = waiting(config)
    folder.mkdir(parents=True)
    for name, age in (("1-left-behind", 61), ("2-being-written", 0)):
        (folder / f".{name}").write_bytes(body(f"{name}:1"))
        os.utime(folder / f".{name}", (time.time() - age,) * 2)
    spool.drain()
    assert [received.image for received in store.notifications(HistoryQuery())] == ["docker.io/library/1-left-behind:1"]
    assert [path.name for path in folder.iterdir()] == [".2-being-written"]


def test_what_was_stored_before_its_file_was_removed_is_not_stored_again(
    config: Config, store: Store, spool: Spool, away: Callable[[], AbstractContextManager[None]]
) -> None:
    with away():
        for image in ("nginx:1", "nginx:1", "redis:7"):
            assert spool.take(body(image)) == KEPT
    kept = {path.name: path.read_bytes() for path in waiting(config).iterdir()}
    drain(spool)
    waiting(config).mkdir()
    for name, content in kept.items():
        (waiting(config) / name).write_bytes(content)
    drain(spool)
    assert [each.image.rpartition("/")[2] for each in store.notifications(HistoryQuery())] == [
        "redis:7",
        "nginx:1",
        "nginx:1",
    ]


def test_what_was_kept_outlives_a_kill(config: Config, away: Callable[[], AbstractContextManager[None]]) -> None:
    with running(config) as before:
        assert before.request("GET", "/readyz").status == 200
        with away() if config.database_url else _locked(config.db_path):
            assert before.request("POST", "/webhook", body("nginx:1")).status == 202
            before.process.kill()
            before.process.wait()
    with running(config) as after:
        _wait_until_nothing_waits(config, after)
        assert after.request("GET", "/api/v1/updates").json["total"] == 1


def _wait_until_nothing_waits(config: Config, dashboard: Dashboard) -> None:
    deadline = time.monotonic() + PATIENCE
    while waiting(config).exists():
        assert time.monotonic() < deadline, dashboard.log
        dashboard.request("GET", "/healthz")
