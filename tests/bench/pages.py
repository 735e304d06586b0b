"""How fast pages answer with 100,000 updates and 1,000,000 notifications in the database, on both stores."""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import Selection, State, UpdateQuery
from diundashboard.notification import parse
from diundashboard.store import Store, open_store
from tests.conftest import postgres_running
from tests.dashboard import open_to_all

HOSTS, REPOSITORIES, VERSIONS = 40, 500, 5
COPIES = 9
"""How often each notification is repeated, which makes 1,000,000 out of 100,000."""

ROUNDS = 25
LIMIT = 50.0
"""Milliseconds, in the median."""

WEIGHT = 150 * 1024
"""Bytes of a page before compression."""

PAGES = {
    "first page": "/?state=pending",
    "filtered page": "/?host=host08&kind=minor&q=repo1",
    "group view": "/?group=tag",
    "insights": "/insights",
    "history": "/history",
    "hosts": "/hosts",
}


def measure() -> None:
    """Build the data on both stores, and print the median time and the weight of each page."""
    with tempfile.TemporaryDirectory() as folder:
        config = open_to_all(Config(db_path=str(Path(folder) / "diun.db")))
        _measure("SQLite", config, lambda: repeat_on_sqlite(config.db_path))
    with postgres_running(18) as url:
        _measure("PostgreSQL", open_to_all(Config(database_url=url)), lambda: _repeat_on_postgres(url))


def _measure(name: str, config: Config, repeat: Callable[[], None]) -> None:
    clock = [now()]
    store = open_store(config, lambda: clock[0])
    build(store, clock, name)
    repeat()
    clock[0] = now()
    client = create_app(config, store).test_client()
    for page, address in PAGES.items():
        took, body = _time(client, address)
        print(
            f"pages, {name}, {page}: {took:.1f} ms (at most {LIMIT:.0f}), {len(body) / 1024:.0f} KiB "
            f"(at most {WEIGHT // 1024}), {len(gzip.compress(body)) / 1024:.0f} KiB compressed"
        )
    tag = client.get(PAGES["first page"]).headers["ETag"]
    fresh, _ = _time(client, PAGES["first page"], tag)
    whole, _ = _time(client, PAGES["first page"])
    print(f"pages, {name}, 304: {fresh:.1f} ms, {fresh / whole:.2f} of the page (at most 0.25)")
    store.close()


def _time(client: FlaskClient, address: str, tag: str = "") -> tuple[float, bytes]:
    took = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        response = client.get(address, headers={"If-None-Match": tag} if tag else {})
        body = response.get_data()
        took.append((time.perf_counter() - begin) * 1000)
        assert response.status_code == (304 if tag else 200)
    return median(took), body


def build(store: Store, clock: list[datetime], name: str) -> None:
    """Five versions of 500 repositories on 40 hosts over a year; three quarters of it done."""
    start = clock[0] - timedelta(days=364)
    for version in range(VERSIONS):
        clock[0] = start + timedelta(days=version * 70)
        with ThreadPoolExecutor(8) as pool:
            for host in range(HOSTS):
                clock[0] += timedelta(hours=20)
                bodies = [notification_body(host, repository, version) for repository in range(REPOSITORIES)]
                for _ in pool.map(lambda body: store.record(parse(body)), bodies):
                    pass
                _progress(name, (version * HOSTS + host + 1) / (VERSIONS * HOSTS))
        clock[0] += timedelta(days=3)
        _acknowledge(store, version)


def _acknowledge(store: Store, version: int) -> None:
    """What was done after each version: another three quarters of the hosts."""
    for host in range(HOSTS):
        if (host + version) % 4:
            store.acknowledge(Selection(query=UpdateQuery(state=State.PENDING, host=(f"host{host:02}",))), "bench")


def notification_body(host: int, repository: int, version: int) -> bytes:
    fields = {
        "diun_version": "4.33.0",
        "hostname": f"host{host:02}",
        "status": "new",
        "provider": ("docker", "swarm", "kubernetes")[host % 3],
        "image": f"{('docker.io', 'ghcr.io', 'quay.io')[repository % 3]}/team{repository % 25}/repo{repository}:"
        f"{1 + (version // 4) * (repository % 4 == 0)}.{version * (repository % 2)}.{version}",
        "hub_link": f"https://example.org/repo{repository}",
        "mime_type": "application/vnd.oci.image.index.v1+json",
        "digest": f"sha256:{host:02}{repository:03}{version}".ljust(71, "0"),
        "created": "2026-11-01T10:00:00Z",
        "platform": "linux/amd64",
        "metadata": {
            "ctn_names": f"repo{repository}",
            "ctn_id": f"{host:02}{repository:03}".ljust(64, "f"),
            "ctn_status": "Up 3 days",
            "stack": f"stack{repository % 20}",
            "tag": f"tag{repository % 12}",
        },
    }
    return json.dumps(fields).encode()


def repeat_on_sqlite(path: str) -> None:
    connection = sqlite3.connect(path)
    columns = "update_id, host_id, image, kind, status, digest, payload, search"
    with connection:
        connection.execute(
            f"""
            INSERT INTO notifications ({columns}, received_at)
            SELECT {columns}, received_at + n.value * 3600000000
              FROM notifications, json_each('{json.dumps(list(range(1, COPIES + 1)))}') AS n
            """
        )
    _count("SQLite", connection.execute("SELECT count(*) FROM notifications").fetchone()[0])
    connection.close()


def _repeat_on_postgres(url: str) -> None:
    columns = "update_id, host_id, image, kind, status, digest, payload, search"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            INSERT INTO notifications ({columns}, received_at)
            SELECT {columns}, received_at + n * interval '1 hour'
              FROM notifications, generate_series(1, {COPIES}) AS n
            """
        )
        for statement in (
            f"UPDATE days SET notifications = notifications * {COPIES + 1}",
            f"UPDATE series SET heard = heard * {COPIES + 1}",
            f"UPDATE updates SET notifications = notifications * {COPIES + 1}",
            "VACUUM ANALYZE",
        ):
            connection.execute(statement)
        row = connection.execute("SELECT count(*) FROM notifications").fetchone()
        _count("PostgreSQL", row[0] if row else 0)


def _count(name: str, notifications: int) -> None:
    print(f"pages, {name}: {HOSTS * REPOSITORIES * VERSIONS} updates, {notifications} notifications")


def _progress(name: str, part: float) -> None:
    done = int(part * 40)
    end = "\n" if part == 1 else ""
    print(f"\rpages, {name}: [{'#' * done}{'.' * (40 - done)}] {part:.0%}", end=end, file=sys.stderr, flush=True)
