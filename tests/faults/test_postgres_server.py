"""PostgreSQL is stopped, hangs, crashes or cannot be reached: each answer comes in time, nothing is lost or doubled."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from diundashboard.access import SILENCE
from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Selection
from diundashboard.notification import Notification, parse
from diundashboard.store import Store, Unavailable, open_store
from diundashboard.store.postgres import database as postgres
from diundashboard.store.postgres import watch
from tests.conftest import postgres_running
from tests.dashboard import open_to_all, running
from tests.faults.load import Answered, Load, numbered, stored, wait_until
from tests.faults.postgres import Network, processes, stopped
from tests.torture import SIZE

pytestmark = pytest.mark.postgres

ANSWER_LIMIT = 8
"""Seconds within which the webhook answers, whatever the database does."""

PATIENCE = 30
"""Seconds within which a pool of connections finds its way back."""

AT = datetime.now(UTC) + timedelta(hours=1)
"""Later than all that is stored: a clock that was set back is another test's."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of this file's own, as it is broken, with a migrated database."""
    with postgres_running(18) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE migrated")
        open_store(Config(database_url=make_conninfo(conninfo, dbname="migrated"))).close()
        yield conninfo


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The conninfo string of an empty database there. What a test sets there ends with it."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS broken WITH (FORCE)")
        connection.execute("CREATE DATABASE broken TEMPLATE migrated STRATEGY file_copy")
    yield make_conninfo(server, dbname="broken")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER ROLE ALL RESET ALL")
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def network(server: str) -> Iterator[Network]:
    with Network(server) as way:
        yield way


@pytest.fixture
def far(network: Network, url: str) -> str:
    """The database on the other side of that network."""
    return make_conninfo(url, host="127.0.0.1", port=network.port, sslmode="disable", connect_timeout=2)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """Operations have this many seconds in all."""
    monkeypatch.setattr(postgres, "OPERATION_LIMIT", 1)
    monkeypatch.setattr(postgres, "POOL_TIMEOUT", 0.5)
    monkeypatch.setattr(watch, "GRACE", 0.3)
    return 1 + 1


def again(operation: Callable[[], object]) -> None:
    """Repeat an operation until the pool has connections again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            operation()
            return
        except Unavailable:
            assert time.monotonic() < deadline


def given_up(operation: Callable[[], object], seconds: float) -> str:
    """The reason for which an operation is given up within that time."""
    begin = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        operation()
    assert time.monotonic() - begin < seconds
    return str(caught.value)


def test_the_webhook_answers_in_time_while_postgresql_is_stopped_and_stores_each_once(
    server: str, url: str, tmp_path: Path
) -> None:
    config = open_to_all(Config(database_url=url, spool_path=str(tmp_path / "spool")))
    answers: list[Answered] = []
    with running(config) as dashboard:
        for _ in range(SIZE):
            with Load(dashboard, clients=12, begin=len(answers) + 1) as load:
                load.wait_for(50)
                with stopped(server):
                    load.wait_for(50)
            answers += load.answers
            wait_until(lambda: not (tmp_path / "spool/waiting").exists())
    assert {answer.status for answer in answers} == {200, 202}
    assert max(answer.seconds for answer in answers) < ANSWER_LIMIT
    assert stored(Config(database_url=url)) == dict.fromkeys((answer.number for answer in answers), 1)


@pytest.fixture
def store(far: str, short: float) -> Iterator[Store]:
    """A store on the other side of the network, with an update and an open connection."""
    with closing(open_store(Config(database_url=far))) as opened:
        opened.record(parse(numbered(2)))
        yield opened


OPERATIONS: dict[str, Callable[[Store], object]] = {
    "a repeat": lambda store: store.record(parse(numbered(2))),
    "news": lambda store: store.record(parse(numbered(1))),
    "a page": lambda store: store.notifications(HistoryQuery()),
    "an action": lambda store: store.acknowledge(Selection((1,)), "person"),
    "a check": lambda store: store.ping(),
}


def test_a_notification_that_hangs_keeps_the_next_ones_and_the_health_routes_waiting_for_a_second_at_most(
    server: str, url: str, tmp_path: Path
) -> None:
    config = open_to_all(Config(database_url=url, spool_path=str(tmp_path / "spool")))
    with running(config, WEB_CONCURRENCY="1") as dashboard, ThreadPoolExecutor(1) as pool:
        assert dashboard.request("POST", "/webhook", numbered(0)).status == 200
        with stopped(server):
            begin = time.monotonic()
            first = pool.submit(dashboard.request, "POST", "/webhook", numbered(1))
            wait_until(lambda: time.monotonic() - begin > SILENCE + 0.5)
            for number in range(2, 12):
                assert dashboard.request("POST", "/webhook", numbered(number)).status == 202
            assert dashboard.request("GET", "/healthz").status == 200
            assert not first.done()
            assert time.monotonic() - begin < ANSWER_LIMIT / 2
        assert first.result().status in (200, 202)
        wait_until(lambda: stored(config) == dict.fromkeys(range(12), 1))


def test_operations_end_in_time_while_the_network_swallows_every_packet(
    store: Store, network: Network, short: float
) -> None:
    network.hold()
    with ThreadPoolExecutor(len(OPERATIONS)) as threads:
        jobs = [threads.submit(given_up, lambda do=do: do(store), short) for do in OPERATIONS.values()]  # type: ignore[misc]
        for name, job in zip(OPERATIONS, jobs, strict=True):
            assert "no answer in time" in job.result(), name
    network.release()
    for operation in OPERATIONS.values():
        again(lambda do=operation: do(store))  # type: ignore[misc]


def test_operations_end_in_time_that_find_no_connection(store: Store, network: Network, short: float) -> None:
    network.hold()
    with ThreadPoolExecutor(40) as threads:
        pages = [threads.submit(given_up, lambda: store.notifications(HistoryQuery()), short + 1) for _ in range(40)]
        reasons = {page.result().partition('"broken": ')[2] for page in pages}
    assert reasons <= {"no answer in time", "no connection was free for 0.5 seconds"}
    network.release()
    again(store.ping)


def first_try(kind: str) -> Notification:
    return parse(numbered(2 if kind == "a repeat" else 1))


@pytest.mark.parametrize("kind", ["a repeat", "news"])
@pytest.mark.parametrize("second", ["before", "after"])
def test_what_reaches_the_server_late_is_not_stored_twice(
    store: Store, url: str, network: Network, short: float, kind: str, second: str
) -> None:
    notification = first_try(kind)
    network.to_server.clear()
    given_up(lambda: store.record(notification, AT), short)
    with closing(open_store(Config(database_url=url))) as near:
        if second == "before":
            again(lambda: near.record(notification, AT, again=AT))
        network.release()
        _wait_until_alone(url)
        again(lambda: near.record(notification, AT, again=AT))
        assert near.check() == ()
    assert stored(Config(database_url=url)) == {2: 2} if kind == "a repeat" else {2: 1, 1: 1}


def test_what_was_stored_although_the_answer_got_lost_is_not_stored_twice(
    store: Store, url: str, network: Network, short: float
) -> None:
    network.to_client.clear()
    given_up(lambda: store.record(parse(numbered(2)), AT), short)
    wait_until(lambda: stored(Config(database_url=url))[2] == 2)
    network.release()
    again(lambda: store.record(parse(numbered(2)), AT, again=AT))
    assert stored(Config(database_url=url)) == {2: 2}


STUBBORN = """
    CREATE FUNCTION hang() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
    BEGIN
        LOOP
            BEGIN
                PERFORM pg_advisory_xact_lock(4711);
                RETURN NEW;
            EXCEPTION
                WHEN query_canceled OR lock_not_available THEN NULL;
            END;
        END LOOP;
    END
    $$;

    CREATE TRIGGER hang BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION hang();
"""
"""A statement that goes on until a lock is free, whatever its client says."""


@pytest.mark.parametrize("kind", ["a repeat", "news"])
def test_a_statement_that_hangs_and_ends_after_all_is_not_stored_twice(
    store: Store, url: str, short: float, kind: str
) -> None:
    notification = first_try(kind)
    with psycopg.connect(url, autocommit=True) as other, ThreadPoolExecutor(1) as thread:
        other.execute(STUBBORN)
        other.execute("SELECT pg_advisory_lock(4711)")
        assert "no answer in time" in given_up(lambda: store.record(notification, AT), short)
        second = thread.submit(again, lambda: store.record(notification, AT, again=AT))
        wait_until(lambda: _waiting(other) >= 2)
        other.execute("SELECT pg_advisory_unlock(4711)")
        second.result()
    assert store.check() == ()
    assert stored(Config(database_url=url)) == {2: 2} if kind == "a repeat" else {2: 1, 1: 1}


def test_a_statement_that_hangs_is_cancelled_on_the_server(store: Store, url: str, short: float) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE notifications ADD CONSTRAINT slow CHECK (pg_sleep(600) IS NOT NULL) NOT VALID")
        assert "no answer in time" in given_up(lambda: store.record(parse(numbered(2)), AT), short)
        wait_until(lambda: not _busy(other))
        other.execute("ALTER TABLE notifications DROP CONSTRAINT slow")
    again(lambda: store.record(parse(numbered(2)), AT, again=AT))
    assert stored(Config(database_url=url)) == {2: 2}


def test_an_action_may_take_longer_than_an_answer(store: Store, url: str, short: float) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE actions ADD CONSTRAINT slow CHECK (pg_sleep(1.5) IS NOT NULL) NOT VALID")
    assert store.acknowledge(Selection((1,)), "person").count == 1


def _busy(connection: psycopg.Connection[tuple[int]]) -> int:
    return _count(connection, "state <> 'idle'")


def _waiting(connection: psycopg.Connection[tuple[int]]) -> int:
    return _count(connection, "wait_event_type = 'Lock'")


def _count(connection: psycopg.Connection[tuple[int]], condition: str) -> int:
    row = connection.execute(
        f"""
        SELECT count(*)
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
           AND {condition}
        """
    ).fetchone()
    assert row is not None
    return row[0]


def _wait_until_alone(url: str) -> None:
    """What was delivered late has been done, and its session has seen that its client is gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until(lambda: not _busy(connection))


def test_a_crash_of_postgresql_loses_nothing_where_the_database_says_that_commits_need_not_wait(
    server: str, url: str
) -> None:
    count = 100 * SIZE
    with psycopg.connect(server, autocommit=True) as connection:
        # What a session leaves to this process is lost with it.
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("ALTER DATABASE broken SET synchronous_commit = off")
    with closing(open_store(Config(database_url=url))) as store:
        for number in range(count):
            store.record(parse(numbered(number)))
        (writer,) = (each for each in processes(server) if "walwriter" in "".join(each.cmdline()))
        writer.kill()
        again(store.ping)
    assert stored(Config(database_url=url)) == dict.fromkeys(range(count), 1)


@pytest.mark.parametrize(
    ("command", "used"),
    [
        ("ALTER ROLE ALL SET synchronous_commit = off", "on"),
        ("ALTER DATABASE broken SET synchronous_commit = local", "local"),
        ("ALTER DATABASE broken SET synchronous_commit = remote_apply", "remote_apply"),
    ],
)
def test_a_session_waits_for_the_disk_and_as_long_for_a_standby_as_the_server_says(
    server: str, url: str, command: str, used: str
) -> None:
    with closing(open_store(Config(database_url=url))) as store, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(command)
        connection.execute(
            """
            CREATE TABLE seen (setting text);
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
            CREATE TRIGGER see BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION see();
            """
        )
        store.record(parse(numbered(1)))
        assert connection.execute("SELECT setting FROM seen").fetchall() == [(used,)]


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_start_warns_of_a_server_that_a_power_cut_can_damage(
    server: str, url: str, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    def start(values: dict[str, str]) -> list[str]:
        with psycopg.connect(server, autocommit=True) as connection:
            for name, value in values.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: all(_shown(server, name) == value for name, value in values.items()))
        caplog.clear()
        with closing(open_store(Config(database_url=url))):
            return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    safe = {"fsync": "on", "full_page_writes": "on"}
    assert start(safe) == []
    (warning,) = start(safe | {setting: "off"})
    assert warning.startswith("WARNING: PostgreSQL at ")
    assert f"{setting} = off" in warning


def _shown(server: str, name: str) -> str:
    with psycopg.connect(server) as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({}, (10, 5, 3, 5000)),
        ({"keepalives_idle": 60, "keepalives_count": 9, "tcp_user_timeout": 7000}, (60, 5, 9, 7000)),
    ],
)
def test_a_peer_that_is_gone_is_noticed_by_probes_unless_the_url_says_otherwise(
    far: str, more: dict[str, int], options: tuple[int, ...]
) -> None:
    conninfo, _ = postgres.conninfo_of(make_conninfo(far, **more))
    with closing(postgres.connect(conninfo)) as connection, socket.socket(fileno=os.dup(connection.fileno())) as wire:
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert tuple(wire.getsockopt(socket.IPPROTO_TCP, name) for name in names) == options
