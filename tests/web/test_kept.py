"""What every page says while notifications wait on disk, or could not be stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store
from tests.store.asking import record


@pytest.fixture
def config(config_of: Callable[[str], Config]) -> Config:
    return config_of("sqlite")


def keep(config: Config, folder: str, age: float = 0.0) -> None:
    """Put a file into a folder of the spool, as if it had come so many seconds ago."""
    path = Path(config.spool_path) / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / f"{int((time.time() - age) * 1e6):020}-1-{len(list(path.iterdir())):09}").write_bytes(b"{}")


@pytest.fixture
def ask(config: Config, store: Store) -> Callable[[], FlaskClient]:
    """The application, which counts anew what is kept."""
    return lambda: create_app(config, store).test_client()


def test_what_waits_for_a_moment_is_told_to_machines_alone(config: Config, ask: Callable[[], FlaskClient]) -> None:
    assert ask().get("/readyz").json == {"status": "ok", "waiting": 0, "oldest_waiting_s": None, "failed": 0}
    keep(config, "waiting", age=30)
    (Path(config.spool_path) / "waiting" / ".being-written").touch()
    answer = ask().get("/readyz")
    assert answer.json
    assert (answer.status_code, answer.json["waiting"], answer.json["failed"]) == (200, 1, 0)
    assert 30 <= answer.json["oldest_waiting_s"] < 60
    assert "on disk" not in ask().get("/").text


@pytest.mark.parametrize("path", ["/", "/hosts", "/history", "/insights", "/tags", "/connect", "/no/such/page"])
def test_every_page_says_what_has_waited_for_a_minute_and_what_could_not_be_stored(
    config: Config, ask: Callable[[], FlaskClient], path: str
) -> None:
    assert "on disk</strong>" not in ask().get(path).text
    keep(config, "waiting", age=30)
    keep(config, "waiting", age=61)
    keep(config, "failed")
    page = ask().get(path).text
    assert "<strong>2 notifications wait on disk</strong>" in page
    assert "<strong>1 notification could not be stored</strong>" in page
    assert ask().get("/readyz").status_code == 200
    if path != "/no/such/page":
        assert page.count('href="/connect#keeping"') == 2


def test_a_browser_that_has_the_page_learns_what_could_not_be_stored(config: Config, store: Store) -> None:
    record(store)
    client = create_app(config, store).test_client()
    seen = {"If-None-Match": client.get("/").headers["ETag"]}
    assert client.get("/", headers=seen).status_code == 304
    keep(config, "failed")
    deadline = time.monotonic() + 30
    while (answer := client.get("/", headers=seen)).status_code == 304:
        assert time.monotonic() < deadline
    assert "1 notification could not be stored" in answer.text
