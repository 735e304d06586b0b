"""What DIUN must send, chosen by the settings or by the dashboard, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from diundashboard import secret
from diundashboard.access import Access
from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.store import Store
from diundashboard.web.context import secret as secret_of
from tests.dashboard import eventually, running
from tests.store.asking import record

BODY = b'{"image": "a:1", "hostname": "nas"}'


@pytest.fixture
def closed(config: Config) -> Config:
    return replace(config, webhook_open=False)


def send(client: FlaskClient, sent: str | None) -> int:
    return client.post("/webhook", data=BODY, headers={"Authorization": sent} if sent else {}).status_code


def test_a_new_dashboard_asks_for_a_secret_that_connect_shows(closed: Config, store: Store) -> None:
    client = create_app(closed, store).test_client()
    assert send(client, None) == 401
    chosen = store.webhook_secret("another")
    assert len(chosen) >= 32
    assert send(client, "guess") == 401
    assert send(client, chosen) == 200
    assert send(client, f"Bearer {chosen}") == 200
    assert client.post(f"/ping/nas.{chosen}").status_code == 200
    assert client.post("/ping/nas").status_code == 401
    assert chosen not in client.get("/connect").text
    assert chosen in client.post("/connect").text


def test_a_dashboard_with_notifications_stays_open_and_says_so(closed: Config, store: Store) -> None:
    record(store)
    client = create_app(closed, store).test_client()
    assert send(client, None) == 200
    assert "No secret is set" in client.get("/hosts").text
    silent = create_app(replace(closed, webhook_open=True), store).test_client()
    assert send(silent, None) == 200
    assert "No secret is set" not in silent.get("/hosts").text


def test_an_admin_can_ask_for_a_secret_from_now_on(closed: Config, store: Store) -> None:
    record(store)
    client = create_app(closed, store).test_client()
    assert send(client, None) == 200
    assert "Require a secret" in client.get("/connect").text
    assert client.post("/connect/secret").status_code == 303
    assert send(client, None) == 401
    assert send(client, store.webhook_secret("")) == 200
    assert "No secret is set" not in client.get("/connect").text


def test_another_process_learns_that_a_secret_is_required(
    closed: Config, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store)
    here, there = (create_app(closed, store) for _ in range(2))
    assert send(there.test_client(), None) == 200
    here.test_client().post("/connect/secret")
    monkeypatch.setattr(secret, "_AGAIN", 0.0)
    secret_of(there).accepted()
    for thread in threading.enumerate():
        if thread.name == "secret":
            thread.join(5)
    assert send(there.test_client(), None) == 401


def test_the_secret_of_the_settings_wins_and_two_are_good_while_one_changes_it(closed: Config, store: Store) -> None:
    chosen = store.webhook_secret("kept")
    client = create_app(replace(closed, webhook_secret="old, new"), store).test_client()
    for sent in ("old", "new", "old, new"):
        assert send(client, sent) == 200
    for wrong in (chosen, "ol", None):
        assert send(client, wrong) == 401
    assert "old" in client.post("/connect").text


def test_the_secret_is_checked_while_the_database_is_away(closed: Config, store: Store) -> None:
    client = create_app(closed, store).test_client()
    assert send(client, None) == 401

    def away() -> Store:
        raise AssertionError("nobody opens it")

    later = create_app(closed, Access(away)).test_client()
    assert send(later, None) == 401
    assert send(later, store.webhook_secret("")) == 202
    assert (closed.spool_folder / "secret").stat().st_mode & 0o077 == 0


def test_before_any_secret_is_known_nothing_is_lost(closed: Config) -> None:
    def away() -> Store:
        raise AssertionError("nobody opens it")

    assert send(create_app(closed, Access(away)).test_client(), None) == 202


def test_a_dashboard_as_its_users_start_it_says_what_it_asks_for(closed: Config) -> None:
    with running(closed) as dashboard:
        assert dashboard.request("POST", "/webhook", BODY).status == 401
        assert "anybody may send" not in dashboard.log
    with running(replace(closed, webhook_open=True)) as dashboard:
        assert dashboard.request("POST", "/webhook", BODY).status == 200
        assert "anybody may send" not in dashboard.log


def test_the_upgrade_of_an_open_dashboard_is_logged(closed: Config, store: Store) -> None:
    record(store)
    with running(closed) as dashboard:
        assert dashboard.request("POST", "/webhook", BODY).status == 200
        assert eventually(lambda: "anybody may send" in dashboard.log)
        dashboard.stop()
        assert dashboard.log.count("anybody may send notifications") == 1
