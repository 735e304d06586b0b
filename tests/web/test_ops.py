"""What a machine asks about the dashboard itself, and what everybody is told while the database is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg.conninfo import make_conninfo
from werkzeug.test import TestResponse

from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.store import Store, open_store
from tests.store.asking import record
from tests.web.test_updates_page import check_error_page

PASSWORD = "s3cr3t-p4ssw0rd"


def test_the_process_and_the_database_answer(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.json
        assert answer.json["status"] == "ok"


@pytest.mark.parametrize("ruin", ["garbage", "folder"])
def test_a_ruined_sqlite_file_is_told_in_words(
    tmp_path: Path, ruin: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(
        db_path=str(tmp_path / "diun.db"), spool_path=str(_file(tmp_path) / "no folder"), auth_mode=AuthMode.NONE
    )
    store = open_store(config)
    record(store)
    if ruin == "garbage":
        for file in tmp_path.iterdir():
            file.write_bytes(b"garbage" * 4096)
    else:
        store.close()
        Path(config.db_path).unlink()
        Path(config.db_path).mkdir()
    words = {"garbage": "file is not a database", "folder": "unable to open database file"}[ruin]
    check_told(config, store, words, monkeypatch, caplog)
    store.close()


@pytest.fixture
def dropped(postgres_server: str, tmp_path: Path) -> Iterator[Callable[[], tuple[Config, Store]]]:
    """Make a store in use whose database is then dropped."""
    name = f"dropped_{os.getpid()}"
    stores = []

    def make() -> tuple[Config, Store]:
        url = make_conninfo(postgres_server, dbname=name, password=PASSWORD)
        config = Config(database_url=url, spool_path=str(_file(tmp_path) / "no folder"), auth_mode=AuthMode.NONE)
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            store = open_store(config)
            stores.append(store)
            record(store)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        return config, store

    yield make
    for store in stores:
        store.close()


@pytest.mark.postgres
def test_a_dropped_postgresql_database_is_told_in_words(
    dropped: Callable[[], tuple[Config, Store]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config, store = dropped()
    check_told(config, store, "PostgreSQL at ", monkeypatch, caplog)


def test_a_stranger_learns_that_it_is_ready_and_no_more(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diundashboard.web.ops.knows_insides", lambda: False)
    assert client.get("/readyz").json == {"status": "ok"}


def _file(folder: Path) -> Path:
    file = folder / "file"
    file.touch()
    return file


def check_told(
    config: Config, store: Store, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody is told that the database does not answer; who may know, and the log, also why.

    A monitor is told that the process still does; DIUN, where its notification cannot be kept either.
    """
    app = create_app(config, store)

    def ask(method: str, path: str) -> TestResponse:
        return app.test_client().open(path, method=method, data=b'{"image": "nginx", "state": "pending", "name": "x"}')

    programs = [("GET", "/readyz"), ("POST", "/webhook"), ("GET", "/api/v1/updates"), ("PATCH", "/api/v1/updates/1")]
    people = [("GET", "/"), ("GET", "/tags"), ("POST", "/act/undo"), ("POST", "/tags/1/delete")]
    # At once: a store may wait for its database before it gives up.
    with ThreadPoolExecutor(len(programs + people)) as threads:
        answers = list(threads.map(lambda question: ask(*question), programs + people))
    for answer in answers[: len(programs)]:
        assert (answer.status_code, answer.mimetype) == (503, "application/json")
        assert answer.json
        assert words in answer.json["error"]
    for answer in answers[len(programs) :]:
        check_error_page(answer, 503, "The database does not answer")
        assert words in unescape(answer.text)
        assert ('<meta http-equiv="refresh"' in answer.text) == (answer.request.method == "GET")
    assert not any(PASSWORD in answer.text for answer in answers)
    log = caplog.text
    assert words in log
    monkeypatch.setattr("diundashboard.web.context.knows_insides", lambda: False)
    monkeypatch.setattr("diundashboard.web.ops.knows_insides", lambda: False)
    ready = ask("GET", "/readyz")
    assert (ready.status_code, ready.json) == (503, {"error": "the database does not answer"})
    for method, path in programs[1:] + people:
        answer = ask(method, path)
        assert (answer.status_code, words in unescape(answer.text)) == (503, False), path
        assert "the database does not answer" in answer.text.lower()
    assert ask("GET", "/healthz").status_code == 200
