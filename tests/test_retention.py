"""Old history is removed, by command and once a day."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from diundashboard import retention
from diundashboard.access import Access
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import HistoryQuery, Selection, UpdateQuery
from diundashboard.store import Store, open_store
from tests.dashboard import COMMAND, environment
from tests.store.asking import DAY, DIGEST, recorded


def fill(store: Store) -> None:
    """Three old notifications, all done; the second is neither the first nor the last of its host."""
    for number, image in enumerate(("app:1.0", "app:1.1", "app:1.2")):
        body = json.dumps({"image": image, "hostname": "nas", "digest": DIGEST}).encode()
        recorded(store, body, now() - (2000 - number) * DAY)
    store.acknowledge(Selection(query=UpdateQuery()), "person")


def payloads(store: Store) -> int:
    return sum(bool(each.payload) for each in store.notifications(HistoryQuery()))


def test_the_server_prunes_by_itself(store: Store) -> None:
    fill(store)
    retention.start(Access.to(store), days=730, first=0)
    deadline = time.monotonic() + 10
    while payloads(store) == 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert payloads(store) == 2


def test_the_command_says_what_it_removes(config_of: Callable[[str], Config]) -> None:
    config = config_of("sqlite")
    fill(open_store(config))

    def prune(*options: str, **settings: str) -> str:
        ran = [str(COMMAND), "prune", *options]
        return subprocess.run(
            ran, env=environment(config, **settings), capture_output=True, text=True, check=True
        ).stdout

    assert "keeps everything" in prune(RETENTION_DAYS="0")
    would = prune("--dry-run")
    assert would.startswith("would remove from the history, older than 730 days: 0 repeats and the payloads of 1 other")
    assert prune() == would.replace("would remove", "removed")
    assert "the payloads of 0 other" in prune()


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_pages_say_that_a_payload_was_removed(client: FlaskClient, store: Store) -> None:
    fill(store)
    (found,) = [each for each in store.notifications(HistoryQuery()) if "1.1" in each.image]
    assert client.get(f"/history/{found.id}").status_code == 200
    assert "What DIUN sent was removed" not in client.get("/history").text
    store.prune(now() - 730 * DAY)
    assert "What DIUN sent was removed" in client.get("/history").text
    answer = client.get(f"/history/{found.id}")
    assert answer.status_code == 410
    assert "RETENTION_DAYS" in answer.text
