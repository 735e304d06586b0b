"""Programs with a token, and the page on which tokens are made, on both databases."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import AuthMode, Config
from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.store.tokens import TOKENS
from diundashboard.tokens import PREFIX, new_token
from diundashboard.web.gate import key_of
from tests.conftest import Clock
from tests.store.asking import record
from tests.web.people import logged_in

SHOWN = re.compile(rf"<code>({PREFIX}[\w-]{{43}})</code>")


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    return create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)


@pytest.fixture
def admin(app: Flask, store: Store) -> FlaskClient:
    return logged_in(app, store, Level.ADMIN)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(password: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def make(store: Store, level: Level = Level.READ, name: str = "ci") -> str:
    token = new_token()
    store.add_token(name, level, key_of(token))
    return token


def test_a_widget_counts_the_pending_updates_with_a_read_token(app: Flask, store: Store) -> None:
    record(store, "a:1")
    record(store, "b:1")
    token = make(store)
    for header in (bearer(token), basic(token), basic(token, ""), {"Authorization": f"bearer {token}"}):
        answer = app.test_client().get("/api/v1/updates?per_page=1", headers=header)
        assert (answer.status_code, answer.get_json()["total"]) == (200, 2)
        assert "Set-Cookie" not in answer.headers


def test_what_a_token_does_is_in_the_history_and_the_audit_under_its_name(app: Flask, store: Store) -> None:
    number, client, header = record(store, "a:1"), app.test_client(), bearer(make(store, Level.WRITE))
    client.patch(f"/api/v1/updates/{number}", json={"state": "acknowledged"}, headers=header)
    assert store.update(number).acknowledged_by == "token ci"
    assert client.post("/api/v1/tags", json={"name": "media"}, headers=header).status_code == 201
    assert (store.audit()[0].by, store.audit()[0].event) == ("token ci", "tag added")


@pytest.mark.parametrize("path", ["/", "/api/v1/updates", "/account", "/nothing"])
@pytest.mark.parametrize(
    "header",
    [
        bearer("diun_wrong"),
        bearer("wrong"),
        bearer(""),
        bearer("a=b"),
        bearer("\xff"),
        basic("diun_wrong"),
        basic("diun_wrong", "ci"),
    ],
)
def test_a_wrong_token_is_refused_even_beside_a_cookie(
    app: Flask, store: Store, header: dict[str, str], path: str
) -> None:
    for client in (logged_in(app, store, Level.ADMIN), app.test_client()):
        answer = client.get(path, headers=header)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.get_json() == {"error": "this token is unknown or has expired"}
        assert (store.audit()[0].event, store.audit()[0].refused) == ("token refused", True)


def test_the_level_of_the_token_counts_beside_a_cookie(app: Flask, store: Store) -> None:
    client = logged_in(app, store, Level.ADMIN)
    assert client.post("/api/v1/tags", json={"name": "x"}, headers=bearer(make(store))).status_code == 403


def test_an_expired_or_removed_token_is_refused(app: Flask, store: Store, clock: Clock) -> None:
    token, client = new_token(), app.test_client()
    made = store.add_token("ci", Level.READ, key_of(token), clock.time + timedelta(days=1))
    assert client.get("/", headers=bearer(token)).status_code == 200
    clock.time += timedelta(days=2)
    assert client.get("/", headers=bearer(token)).status_code == 401
    clock.time -= timedelta(days=2)
    store.remove_token(made.id)
    assert client.get("/", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize("header", [basic("password of a proxy"), {"Authorization": "Basic !"}, {"Authorization": "x"}])
def test_what_a_proxy_passes_on_is_no_token(app: Flask, store: Store, header: dict[str, str]) -> None:
    assert logged_in(app, store, Level.READ).get("/", headers=header).status_code == 200
    assert app.test_client().get("/", headers=header).status_code == 303


def test_no_address_and_no_form_takes_a_token(app: Flask, store: Store) -> None:
    client, token = app.test_client(), make(store)
    for name in ("token", "access_token", "key"):
        assert client.get("/api/v1/updates", query_string={name: token}).status_code == 401
    assert client.post("/login", data={"name": "ci", "password": token}).status_code == 401


def test_a_token_asks_the_database_once(app: Flask, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    found = store.bearer_of
    monkeypatch.setattr(store, "bearer_of", lambda key: asked.append(key) or found(key))  # type: ignore[func-returns-value]
    app.test_client().get("/", headers=bearer(make(store)))
    assert len(asked) == 1


def test_where_nobody_logs_in_no_token_is_looked_at(client: FlaskClient) -> None:
    assert client.get("/api/v1/updates", headers=bearer("wrong")).status_code == 200


def test_a_token_is_shown_once_and_kept_as_its_hash(admin: FlaskClient, app: Flask, store: Store) -> None:
    answer = admin.post("/tokens", data={"name": "<b>home</b>", "level": "read", "days": "30"})
    assert answer.headers["Cache-Control"] == "no-store"
    shown = SHOWN.search(answer.text)
    assert shown
    assert app.test_client().get("/", headers=bearer(shown[1])).status_code == 200
    page = admin.get("/tokens").text
    assert "&lt;b&gt;home&lt;/b&gt;" in page
    assert shown[1] not in page
    assert key_of(shown[1]) not in page
    (made,) = store.tokens()
    assert (made.created_by, made.level) == ("admin", Level.READ)
    assert made.expires_at
    assert timedelta(days=29) < made.expires_at - now() < timedelta(days=31)
    assert all(shown[1] not in f"{row.detail}{row.event}" for row in store.audit())
    assert admin.post(f"/tokens/{made.id}/remove").status_code == 303
    assert app.test_client().get("/", headers=bearer(shown[1])).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"name": "ci", "level": "read"}, 409, "already exists"),
        ({"name": "", "level": "read"}, 400, "needs a name"),
        ({"name": "x", "level": "admin"}, 400, "one of read, write"),
        ({"name": "x", "level": "read", "days": "0"}, 400, "in 1 to 3,650 days"),
        ({"name": "x", "level": "read", "days": "999999999"}, 400, "in 1 to 3,650 days"),
        ({"name": "x", "level": "read", "days": "soon"}, 400, "whole number"),
    ],
)
def test_what_makes_no_sense_is_said_and_makes_no_token(
    admin: FlaskClient, store: Store, form: dict[str, str], status: int, said: str
) -> None:
    make(store)
    answer = admin.post("/tokens", data=form)
    assert (answer.status_code, SHOWN.search(answer.text)) == (status, None)
    assert said in answer.text
    assert [token.name for token in store.tokens()] == ["ci"]


def test_the_page_with_all_tokens_has_pages(admin: FlaskClient, store: Store) -> None:
    for number in range(TOKENS):
        store.add_token(f"n{number:03}", Level.READ, str(number))
    assert "n049" in admin.get("/tokens").text
    assert "n199" in admin.get("/tokens?page=4").text
    assert admin.post("/tokens", data={"name": "x", "level": "read"}).status_code == 409
