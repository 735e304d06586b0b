"""The `diundashboard` command, as a person or a service manager runs it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from threading import Event

import pytest
from psycopg.conninfo import make_conninfo

from diundashboard.cli import main
from diundashboard.config import SETTINGS, Config
from tests.conftest import PAYLOADS
from tests.dashboard import COMMAND, Dashboard, environment, eventually, free_port, open_to_all, running

PATIENCE = 30
"""Seconds that a test gives what should happen at once."""


@pytest.fixture
def sqlite(tmp_path: Path) -> Config:
    return open_to_all(Config(db_path=str(tmp_path / "diun.db")))


def workers(dashboard: Dashboard) -> list[int]:
    """The process ids of the worker processes."""
    pid = dashboard.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended(pid: int) -> bool:
    """Whether this process, which need not be a child of the test's, ends in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)


def refused(config: Config, **more: str) -> list[str]:
    """What a start that cannot succeed writes to stderr, line by line, but for the warning that it is open."""
    result = subprocess.run(
        [COMMAND, "serve"],
        env=environment(config, **{"PORT": str(free_port()), **more}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    return [line for line in result.stderr.splitlines() if not line.startswith("AUTH_MODE is none")]


def send(dashboard: Dashboard, image: str) -> int:
    """Send a notification of this image as DIUN does; the status of the answer."""
    return dashboard.request("POST", "/webhook", json.dumps({"image": image, "hostname": "nas"}).encode()).status


def stored(dashboard: Dashboard) -> set[str]:
    """The repositories of every update."""
    found: set[str] = set()
    page = 1
    query = "state=all&fold=no&per_page=200"
    while updates := dashboard.request("GET", f"/api/v1/updates?{query}&page={page}").json["updates"]:
        found |= {update["repository"].removeprefix("library/") for update in updates}
        page += 1
    return found


def said(dashboard: Dashboard) -> list[str]:
    """The lines of its log, without the warning about the tests' PostgreSQL, which may lose data in a power cut."""
    return [line for line in dashboard.log.splitlines() if "WARNING: PostgreSQL at" not in line]


def start_line(config: Config) -> str:
    return "Using PostgreSQL database" if config.database_url else f"Using SQLite database at {config.db_path}"


def open_line(dashboard: Dashboard) -> str:
    return f"AUTH_MODE is none: everybody who reaches 127.0.0.1:{dashboard.port} can see and change everything"


# The start


def test_it_says_which_database_it_uses_and_where_it_runs_and_nothing_else(config: Config) -> None:
    with running(config) as dashboard:
        for path in PAYLOADS:
            assert dashboard.request("POST", "/webhook", path.read_bytes()).status == 200
        assert dashboard.stop() == 0
        assert said(dashboard) == [start_line(config), open_line(dashboard), f"DIUN Dashboard runs at {dashboard.url}"]


@pytest.mark.postgres
def test_the_password_of_the_database_and_the_secret_are_not_in_the_log(postgres_url: str) -> None:
    url = make_conninfo(postgres_url, password="hunter2")
    with running(Config(database_url=url, webhook_secret="hunter3")) as dashboard:
        assert dashboard.request("POST", "/webhook", PAYLOADS[0].read_bytes()).status == 401
        dashboard.stop()
        assert "hunter" not in dashboard.log


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::1"])
def test_the_printed_address_is_the_one_to_open(sqlite: Config, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host, 0))
    except OSError:
        host = "127.0.0.1"  # A machine without IPv6 has nothing to show here.
    port = free_port()
    process = subprocess.Popen(
        [COMMAND, "serve"], env=environment(sqlite, HOST=host, PORT=str(port)), stdout=subprocess.PIPE
    )
    with process:
        try:
            assert process.stdout
            shown = {"::1": "[::1]", "0.0.0.0": "127.0.0.1"}.get(host, host)
            assert process.stdout.readline().decode() == f"DIUN Dashboard runs at http://{shown}:{port}\n"
            connection = HTTPConnection(host, port, timeout=PATIENCE)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
        finally:
            process.terminate()


def test_what_was_stored_is_there_after_a_restart(config: Config) -> None:
    with running(config) as dashboard:
        assert send(dashboard, "nginx:1.27.0") == 200
        assert dashboard.stop() == 0
    with running(config) as dashboard:
        assert stored(dashboard) == {"nginx"}


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("PORT", "http", "PORT is 'http', but must be a whole number from 1 to 65535"),
        ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY is '0', but must be a whole number from 1 to 64"),
        ("TRUSTED_PROXIES", "-1", "TRUSTED_PROXIES is '-1', but must be IP addresses or networks"),
        ("WEBHOOK_SECRET_FILE", "/no/such/file", "WEBHOOK_SECRET_FILE: cannot read '/no/such/file'"),
        ("HOST", "192.0.2.1", "HOST, PORT: cannot listen on 192.0.2.1:"),
        ("HOST", "x" * 64, f"HOST, PORT: cannot listen on {'x' * 64}:"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start_with_one_line(
    sqlite: Config, setting: str, value: str, words: str
) -> None:
    (line,) = refused(sqlite, **{setting: value})
    assert line.startswith(f"diundashboard: {words}")
    assert not Path(sqlite.db_path).exists()


def test_a_port_in_use_stops_the_start_with_one_line(sqlite: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (line,) = refused(sqlite, PORT=str(port))
    assert line == f"diundashboard: HOST, PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert not Path(sqlite.db_path).exists()


def test_a_file_that_is_no_database_stops_the_start_with_one_line(sqlite: Config) -> None:
    Path(sqlite.db_path).write_text("Dear diary,\n")
    first, line = refused(sqlite)
    assert first == start_line(sqlite)
    assert line == f"diundashboard: the SQLite database at {sqlite.db_path} cannot be used: file is not a database"
    assert Path(sqlite.db_path).read_text() == "Dear diary,\n"


def test_a_foreign_file_and_a_later_schema_stop_the_start_with_one_line(sqlite: Config) -> None:
    for statement, words in (
        ("CREATE TABLE notes (text TEXT)", "it holds the tables notes"),
        ("CREATE TABLE _yoyo_migration (migration_hash, migration_id, applied_at_utc)", "a later version"),
    ):
        Path(sqlite.db_path).unlink(missing_ok=True)
        with closing(sqlite3.connect(sqlite.db_path)) as connection, connection:
            connection.execute(statement)
            if "_yoyo" in statement:
                connection.execute("INSERT INTO _yoyo_migration VALUES ('f00d', '0999.flying-cars', '2036-01-01')")
        first, line = refused(sqlite)
        assert first == start_line(sqlite)
        assert line.startswith("diundashboard: the ")
        assert words in line


def test_a_url_that_libpq_does_not_understand_stops_the_start_with_one_line() -> None:
    first, line = refused(Config(database_url="postgresql://diun:hunt@er2@db/updates"))
    assert first == "Using PostgreSQL database"
    assert line.startswith("diundashboard: DATABASE_URL is not a URI or conninfo string")


def test_the_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    words = capsys.readouterr().out
    assert all(setting.name in words for setting in SETTINGS)


# The end


@pytest.fixture(params=["Ctrl-C", "SIGINT", "SIGTERM"])
def end(request: pytest.FixtureRequest) -> Callable[[Dashboard], None]:
    """How it is told to end: Ctrl-C reaches every process of the terminal, a signal the first one only."""

    def tell(dashboard: Dashboard) -> None:
        number = signal.SIGTERM if request.param == "SIGTERM" else signal.SIGINT
        for pid in [dashboard.process.pid, *(workers(dashboard) if request.param == "Ctrl-C" else [])]:
            os.kill(pid, number)

    return tell


def test_it_ends_cleanly_and_at_once_whatever_connections_are_open(
    config: Config, end: Callable[[Dashboard], None]
) -> None:
    begin = time.monotonic()
    with running(config) as dashboard:
        to_start = time.monotonic() - begin
        with ExitStack() as connections:
            kept = connections.enter_context(closing(HTTPConnection("127.0.0.1", dashboard.port, timeout=PATIENCE)))
            kept.request("GET", "/healthz")
            assert kept.getresponse().read() == b'{"status":"ok"}\n'
            for _ in range(10):
                connections.enter_context(socket.create_connection(("127.0.0.1", dashboard.port)))
            begin = time.monotonic()
            end(dashboard)
            assert dashboard.process.wait(PATIENCE) == 0
            # Two seconds, and on a machine that is busy with other things as long as it takes to start.
            assert time.monotonic() - begin < 2 + to_start
        assert said(dashboard) == [start_line(config), open_line(dashboard), f"DIUN Dashboard runs at {dashboard.url}"]


def test_ctrl_c_ends_the_wait_for_a_database_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        config = Config(database_url=f"postgresql://diun:hunter2@127.0.0.1:{server.getsockname()[1]}/updates")
        process = subprocess.Popen(
            [COMMAND, "serve"],
            env=environment(config, PORT=str(free_port())),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process, server.accept()[0]:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=PATIENCE)
    assert output == "Using PostgreSQL database\n"
    assert process.returncode == 0


# Workers


@pytest.mark.parametrize(("setting", "sqlite_workers", "postgres_workers"), [("", 1, 2), ("1", 1, 1), ("3", 3, 3)])
def test_there_is_one_worker_on_sqlite_and_two_on_postgresql_unless_it_is_said_otherwise(
    config: Config, setting: str, sqlite_workers: int, postgres_workers: int
) -> None:
    expected = postgres_workers if config.database_url else sqlite_workers
    with running(config, WEB_CONCURRENCY=setting) as dashboard:
        assert eventually(lambda: len(workers(dashboard)) == expected)
        images = {f"app{number}" for number in range(60)}
        with ThreadPoolExecutor(12) as pool:
            assert set(pool.map(lambda image: send(dashboard, image), images)) == {200}
        assert stored(dashboard) == images
        assert len(workers(dashboard)) == expected


@pytest.mark.parametrize("victim", ["a worker", "everything"])
def test_what_was_answered_with_200_outlives_a_kill(config: Config, victim: str) -> None:
    answered: list[str] = []
    enough = Event()

    def keep_sending(dashboard: Dashboard, sender: int) -> None:
        for number in count():
            if enough.is_set():
                return
            image = f"app{sender}-{number}"
            try:
                status = send(dashboard, image)
            except (OSError, HTTPException):
                return
            if status == 200:
                answered.append(image)

    with running(config) as dashboard:
        with ThreadPoolExecutor(6) as pool, ExitStack() as senders:
            senders.callback(enough.set)
            for sender in range(6):
                pool.submit(keep_sending, dashboard, sender)
            assert eventually(lambda: len(answered) > 30)
            processes = workers(dashboard)
            if victim == "everything":
                dashboard.process.kill()
                dashboard.process.wait(PATIENCE)
            for pid in processes:
                os.kill(pid, signal.SIGKILL)
            assert all(map(ended, processes))
        if victim == "a worker":
            assert stored(dashboard) >= set(answered)
    with running(config) as dashboard:
        assert stored(dashboard) >= set(answered)
        assert len(answered) > 30


def test_workers_end_by_themselves_when_the_first_process_is_killed(sqlite: Config) -> None:
    with running(sqlite) as dashboard:
        processes = workers(dashboard)
        dashboard.process.kill()
        assert all(map(ended, processes))


# Check


def test_check_says_what_differs_and_repairs_it(sqlite: Config) -> None:
    def check(*options: str) -> tuple[int, str]:
        ran = subprocess.run(
            [COMMAND, "check", *options], env=environment(sqlite), capture_output=True, text=True, cwd=os.sep
        )
        return ran.returncode, ran.stdout

    with running(sqlite) as dashboard:
        dashboard.request("POST", "/webhook", PAYLOADS[0].read_bytes())
    status, found = check()
    assert (status, found.partition("\n")[0]) == (0, "the stored state matches the history")
    assert "0 waiting in " in found
    with closing(sqlite3.connect(sqlite.db_path)) as connection, connection:
        connection.execute("UPDATE series SET running_version = '9'")
    status, found = check()
    assert (status, found.count("\n")) == (1, 2)
    assert "running is 9, the history says" in found
    assert check("--repair")[0] == 0
    assert check()[0] == 0
    with closing(sqlite3.connect(sqlite.db_path)) as connection, connection:
        connection.execute("UPDATE updates SET series_id = 99")
    status, found = check()
    assert status == 1
    assert "has no update\n" in found
    assert "the database itself is damaged: restore a backup\n" in found


# Behind a reverse proxy


@pytest.mark.parametrize("proxies", ["", "0", "1", "2"])
def test_forwarded_headers_are_believed_from_the_stated_number_of_proxies(sqlite: Config, proxies: str) -> None:
    with running(sqlite, TRUSTED_PROXIES=proxies, ALLOWED_HOSTS="*") as dashboard:
        assert dashboard.log.count("trusts every machine that connects") == (proxies in ("1", "2"))
        page = dashboard.request(
            "GET",
            "/",
            X_Forwarded_Proto="https",
            X_Forwarded_Host="evil.example, diun.example",
            X_Forwarded_Prefix="/d",
        ).body.decode()
        trusted = "https://diun.example/d/webhook" in page
        assert trusted == (proxies == "1")
        assert (f"{dashboard.url}/webhook" in page) == (proxies in ("", "0"))
        assert ("evil.example" in page) == (proxies == "2")
