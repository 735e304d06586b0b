"""Who may ask for what, at every address that the application has, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard.access import Access
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.tokens import new_token
from diundashboard.web.gate import LEVELS, SCRIPT_HEADER, key_of
from tests.store.asking import record
from tests.web.people import browser_of, logged_in

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYBODY = (None, *Level)
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    return create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)


def requests_of(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address of everything that the application answers."""
    for rule in app.url_map.iter_rules():
        path = (
            re.sub(r"<int:\w+>", "7", rule.rule)
            .replace("<name>", "x")
            .replace("<code>", "x")
            .replace("<path:sent>", "x")
        )
        for method in METHODS:
            if rule.methods is None or method in rule.methods:
                yield rule.endpoint, method, path


def test_every_endpoint_has_a_level(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(LEVELS)


@pytest.mark.parametrize("level", EVERYBODY)
def test_each_endpoint_is_open_to_its_level_and_those_above(app: Flask, store: Store, level: Level | None) -> None:
    client = logged_in(app, store, level)
    for endpoint, method, path in requests_of(app):
        needed = LEVELS[endpoint]
        if endpoint in ("login.log_out", "account.log_out_everywhere"):
            continue
        answer = client.open(path, method=method)
        place = f"{method} {path}: {answer.status}"
        if needed is None:
            assert answer.status_code != 403, place
            assert "next=" not in answer.headers.get("Location", ""), place
        elif level is None:
            shut = (
                answer.status_code == 401 if path.startswith("/api") else "/login?next=" in answer.headers["Location"]
            )
            assert shut, place
        else:
            assert (answer.status_code == 403) == (not level.includes(needed)), place


@pytest.mark.parametrize("level", [Level.READ, Level.WRITE])
def test_each_endpoint_is_open_to_tokens_of_its_level_and_none_is_an_admin(
    app: Flask, store: Store, level: Level
) -> None:
    token, client = new_token(), app.test_client()
    store.add_token("ci", level, key_of(token))
    for endpoint, method, path in requests_of(app):
        needed = LEVELS[endpoint]
        answer = client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
        place = f"{method} {path}: {answer.status}"
        if needed is None:
            assert answer.status_code != 403, place
        else:
            assert answer.status_code != 401, place
            assert (answer.status_code == 403) == (not level.includes(needed)), place


def test_an_endpoint_that_nobody_thought_of_is_closed_to_everybody(config: Config, store: Store) -> None:
    app = create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)
    app.add_url_rule("/new", "new", lambda: "inside")
    assert logged_in(app, store, None).get("/new").status_code == 303
    assert logged_in(app, store, Level.ADMIN).get("/new").status_code == 403


@pytest.mark.parametrize("path", ["/nothing", "/updates/7/", "/act/acknowledge", "//updates"])
def test_a_stranger_does_not_learn_what_there_is(app: Flask, store: Store, path: str) -> None:
    answer = logged_in(app, store, None).get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=/")


def test_a_stranger_comes_back_to_the_page_that_was_asked_for(app: Flask, store: Store) -> None:
    answer = logged_in(app, store, None).get("/?host=n%C3%A4s&kind=major")
    assert answer.headers["Location"] == "/login?next=/%3Fhost%3Dn%25C3%25A4s%26kind%3Dmajor"


def test_the_pages_own_script_is_told_so_and_gets_no_form(app: Flask, store: Store) -> None:
    client = logged_in(app, store, None)
    for method, path in (("GET", "/"), ("POST", "/act/acknowledge"), ("GET", "/connect/heard")):
        answer = client.open(path, method=method, headers={SCRIPT_HEADER: "page"})
        assert answer.status_code == 401
        assert answer.is_json


def test_the_pages_own_polling_does_not_keep_a_session_alive(app: Flask, store: Store) -> None:
    asked: list[bool] = []
    client = logged_in(app, store, Level.READ)
    found = store.person_of
    store.person_of = lambda key, used: asked.append(used) or found(key, used)  # type: ignore[method-assign,func-returns-value]
    client.get("/")
    client.get("/", headers={SCRIPT_HEADER: "poll"})
    assert asked == [True, False]


def test_while_the_database_is_away_nobody_is_asked_to_log_in(config: Config) -> None:
    def away() -> Store:
        raise AssertionError("nobody opens it")

    client = browser_of(create_app(replace(config, auth_mode=AuthMode.PASSWORD), Access(away)))
    client.set_cookie("diun_session", "x")
    for path in ("/", "/api/v1/updates", "/login"):
        assert client.get(path).status_code == 503
    assert client.post("/webhook", data=b'{"image": "a:1"}', headers=SAME_SITE).status_code == 202
    assert client.get("/healthz").status_code == 200


def test_pages_say_what_each_person_may_change_and_differ_by_person(app: Flask, store: Store) -> None:
    reader, admin = logged_in(app, store, Level.READ), logged_in(app, store, Level.ADMIN)
    page = reader.get("/")
    assert reader.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    assert admin.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 200


def test_a_304_is_for_those_who_may_see_the_page(app: Flask, store: Store) -> None:
    tag = logged_in(app, store, Level.READ).get("/").headers["ETag"]
    assert logged_in(app, store, None).get("/", headers={"If-None-Match": tag}).status_code == 303


def test_who_acted_is_in_the_history(app: Flask, store: Store, config: Config) -> None:
    client = logged_in(app, store, Level.WRITE)
    number = record(store, "a:1")
    client.patch(f"/api/v1/updates/{number}", json={"state": "acknowledged"})
    assert store.update(number).acknowledged_by == "write"


def test_where_nobody_logs_in_each_page_says_so(client: FlaskClient) -> None:
    for path in ("/", "/hosts", "/history", "/connect", "/nothing"):
        assert "No login:" in client.get(path).text
    assert client.get("/login").status_code == 404
