"""One's own account, and everybody's, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard import passwords
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.guessing import FREE
from diundashboard.model import Level
from diundashboard.store import Store
from tests.conftest import Clock
from tests.web.people import browser_of, logged_in

PASSWORD = "correct horse"


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    return create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)


@pytest.fixture
def admin(app: Flask, store: Store) -> FlaskClient:
    return logged_in(app, store, Level.ADMIN)


def test_the_own_password_is_changed_by_who_knows_the_old_one(app: Flask, store: Store) -> None:
    store.add_account("ada", Level.READ, passwords.hashed(PASSWORD))
    here, elsewhere = browser_of(app), browser_of(app)
    for client in (here, elsewhere):
        client.post("/login", data={"name": "ada", "password": PASSWORD})
    assert here.post("/account/password", data={"old": "wrong", "new": "another one"}).status_code == 400
    assert here.post("/account/password", data={"old": PASSWORD, "new": "short"}).status_code == 400
    assert elsewhere.get("/account").status_code == 200
    answer = here.post("/account/password", data={"old": PASSWORD, "new": "another one"}, follow_redirects=True)
    assert "Password changed" in answer.text
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    known = store.credentials("ada")
    assert known
    assert passwords.matches(known[1], "another one")


def test_a_stolen_session_cannot_guess_the_password(app: Flask, store: Store, clock: Clock) -> None:
    clock.step = timedelta()
    store.add_account("ada", Level.READ, passwords.hashed(PASSWORD))
    client = browser_of(app)
    client.post("/login", data={"name": "ada", "password": PASSWORD})
    for _ in range(FREE):
        client.post("/account/password", data={"old": "wrong", "new": "another one"})
    answer = client.post("/account/password", data={"old": PASSWORD, "new": "another one"})
    assert answer.status_code == 400
    assert "too many wrong passwords" in answer.text
    clock.time += timedelta(minutes=1)
    assert client.post("/account/password", data={"old": PASSWORD, "new": "another one"}).status_code == 303


def test_logging_out_everywhere_ends_all_sessions_of_the_account(app: Flask, store: Store) -> None:
    store.add_account("ada", Level.READ, passwords.hashed(PASSWORD))
    clients = [browser_of(app) for _ in range(2)]
    for client in clients:
        client.post("/login", data={"name": "ada", "password": PASSWORD})
    clients[0].post("/account/logout-everywhere")
    assert [client.get("/").status_code for client in clients] == [303, 303]


def test_an_admin_adds_changes_and_removes_accounts(admin: FlaskClient, store: Store) -> None:
    assert admin.post("/people", data={"name": "<b>Eve</b>", "password": PASSWORD, "level": "read"}).status_code == 303
    eve = next(account for account in store.accounts() if account.name == "<b>Eve</b>")
    assert "&lt;b&gt;Eve&lt;/b&gt;" in admin.get("/people").text
    assert admin.post(f"/people/{eve.id}/level", data={"level": "write"}).status_code == 303
    assert admin.post(f"/people/{eve.id}/password", data={"password": "another one"}).status_code == 303
    known = store.credentials(eve.name)
    assert known
    assert known[0].level == Level.WRITE
    assert passwords.matches(known[1], "another one")
    assert admin.post(f"/people/{eve.id}/remove").status_code == 303
    assert store.credentials(eve.name) is None


@pytest.mark.parametrize(
    ("path", "form", "status", "said"),
    [
        ("/people", {"name": "ADMIN", "password": PASSWORD, "level": "read"}, 409, "already exists"),
        ("/people", {"name": "", "password": PASSWORD, "level": "read"}, 400, "needs a name"),
        ("/people", {"name": "eve", "password": "short", "level": "read"}, 400, "8 to 1,024 characters"),
        ("/people", {"name": "eve", "password": PASSWORD, "level": "root"}, 400, "one of read, write, admin"),
        ("/people/1/level", {"level": "read"}, 409, "the last admin"),
        ("/people/1/remove", {}, 409, "the last admin"),
        ("/people/1/password", {"password": "short"}, 400, "8 to 1,024 characters"),
        ("/people/99/remove", {}, 404, "No account"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    admin: FlaskClient, store: Store, path: str, form: dict[str, str], status: int, said: str
) -> None:
    answer = admin.post(path, data=form)
    assert answer.status_code == status
    assert said in answer.text
    assert [(account.name, account.level) for account in store.accounts()] == [("admin", Level.ADMIN)]
    assert admin.get("/people").status_code == 200
