"""Logging in and out, and the first account, on both databases."""

from __future__ import annotations

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from diundashboard import first, passwords
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.guessing import FREE
from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.web.gate import key_of
from tests.conftest import Clock
from tests.web.people import browser_of

PASSWORD = "correct horse"
COOKIE = re.compile(r"(diun_session|diun_browser)=(\S+);")


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    store.add_account("Ada", Level.ADMIN, passwords.hashed(PASSWORD))
    return create_app(replace(config, auth_mode=AuthMode.PASSWORD), store)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return browser_of(app)


def log_in(client: FlaskClient, password: str = PASSWORD, name: str = "ada", **more: str) -> TestResponse:
    return client.post("/login", data={"name": name, "password": password, **more})


def test_the_right_password_leads_to_the_page_that_was_asked_for(client: FlaskClient) -> None:
    answer = log_in(client, next="/hosts?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/hosts?x=1")
    assert client.get("/hosts").status_code == 200
    assert client.get("/login?next=/tags").headers["Location"] == "/tags"


@pytest.mark.parametrize(
    "hostile",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/%5cevil",
        "/\tx",
        "javascript:x",
        "/%2f/evil",
        "x" * 10_000,
    ],
)
def test_nobody_is_led_to_another_site(client: FlaskClient, hostile: str) -> None:
    assert log_in(client, next=hostile).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", ""),
        ("eve", PASSWORD),
        ("a\0", PASSWORD),
        ("x" * 5000, PASSWORD),
        ("ada", "x" * 1025),
    ],
)
def test_a_wrong_name_or_password_opens_nothing(client: FlaskClient, name: str, password: str) -> None:
    answer = log_in(client, password, name)
    assert answer.status_code == 401
    assert "The name or the password is wrong" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert client.get("/").status_code == 303


def test_a_session_is_new_at_each_login_and_its_token_is_not_stored(client: FlaskClient, store: Store) -> None:
    tokens = [
        dict(COOKIE.findall(" ".join(log_in(client).headers.getlist("Set-Cookie"))))["diun_session"] for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    assert store.person_of(key_of(tokens[1]), used=False)
    assert store.person_of(tokens[1], used=False) is None


def test_the_cookie_is_for_this_site_and_no_script(app: Flask) -> None:
    for address, secure in (("http://localhost", False), ("https://localhost", True)):
        answer = browser_of(app).post("/login", base_url=address, data={"name": "ada", "password": PASSWORD})
        (cookie,) = [text for text in answer.headers.getlist("Set-Cookie") if text.startswith("diun_session")]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert ("Secure" in cookie) == secure
    below = browser_of(app).post(
        "/login", data={"name": "ada", "password": PASSWORD}, environ_overrides={"SCRIPT_NAME": "/diun"}
    )
    assert all("Path=/diun" in text for text in below.headers.getlist("Set-Cookie"))
    assert below.headers["Location"] == "/diun/"


def test_logging_out_ends_the_session_and_empties_the_cache(client: FlaskClient, store: Store) -> None:
    log_in(client)
    token = client.get_cookie("diun_session")
    assert token is not None
    answer = client.post("/logout")
    assert answer.headers["Location"] == "/login"
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert store.person_of(key_of(token.value), used=False) is None
    assert client.get("/").status_code == 303


def test_guessing_slows_down_for_the_account_and_the_address_alone(app: Flask, clock: Clock) -> None:
    clock.step = timedelta()
    for _ in range(FREE):
        assert log_in(browser_of(app), "wrong").status_code == 401
    answer = log_in(browser_of(app))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    elsewhere = browser_of(app).post(
        "/login", data={"name": "ada", "password": PASSWORD}, environ_overrides={"REMOTE_ADDR": "192.0.2.9"}
    )
    assert elsewhere.status_code == 303
    assert log_in(browser_of(app), name="eve").status_code == 401


def test_the_owner_gets_in_by_a_known_browser_while_somebody_guesses_from_the_same_address(
    app: Flask, clock: Clock
) -> None:
    clock.step = timedelta()
    owner = browser_of(app)
    log_in(owner)
    owner.post("/logout")
    for _ in range(FREE + 1):
        log_in(browser_of(app), "wrong")
    assert log_in(browser_of(app)).status_code == 429
    assert log_in(owner).status_code == 303


def test_one_customers_ipv6_addresses_count_as_one(app: Flask, clock: Clock) -> None:
    clock.step = timedelta()
    for number in range(FREE):
        browser_of(app).post(
            "/login",
            data={"name": "ada", "password": "wrong"},
            environ_overrides={"REMOTE_ADDR": f"2001:db8::{number}"},
        )
    answer = browser_of(app).post(
        "/login", data={"name": "ada", "password": PASSWORD}, environ_overrides={"REMOTE_ADDR": "2001:db8::ffff"}
    )
    assert answer.status_code == 429


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("admin", "admin"),
        ('a" from 10.0.0.1', "a? from 10.0.0.1"),
        ("a\nb", "a?b"),
        ("é\x1b[31m", "??[31m"),
        ("x" * 300, "x" * 100),
    ],
)
def test_each_failure_is_one_line_of_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, name: str, logged: str
) -> None:
    with caplog.at_level(logging.WARNING, "diundashboard"):
        log_in(client, "wrong", name)
    assert [record.getMessage() for record in caplog.records if "login" in record.getMessage()] == [
        f'failed login as "{logged}" from 127.0.0.1'
    ]


def test_a_hash_with_other_parameters_is_renewed_at_login(client: FlaskClient, store: Store) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    store.add_account("eve", Level.READ, weak)
    assert log_in(client, name="eve").status_code == 303
    assert client.get("/").status_code == 200
    known = store.credentials("eve")
    assert known
    assert known[1] != weak
    assert not passwords.outdated(known[1])
    assert log_in(client, name="eve").status_code == 303


def test_an_unknown_name_takes_as_long_as_a_known_one(client: FlaskClient) -> None:
    log_in(client, "warm up")

    def taken(name: str) -> float:
        begun = time.process_time()
        log_in(client, "wrong", name)
        return time.process_time() - begun

    known, unknown = (min(taken(name) for _ in range(3)) for name in ("ada", "nobody"))
    assert unknown > known / 2


def test_at_most_two_passwords_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = passwords.hashed(PASSWORD)
    monkeypatch.setattr(passwords, "_PATIENCE", 0.0)

    def compare(_: int) -> bool:
        try:
            return passwords.matches(kept, PASSWORD)
        except passwords.Busy:
            return False

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(compare, range(8)))
    assert 1 <= found.count(True) < 8


def test_the_first_account_is_made_with_the_link_that_the_start_prints(
    config: Config, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = replace(config, auth_mode=AuthMode.PASSWORD)
    client = browser_of(create_app(chosen, store))
    assert "There is no account yet" in client.get("/login").text
    first.welcome(chosen, store)
    printed = re.search(r"http://127.0.0.1:8080(/setup/\S+)", capsys.readouterr().out)
    assert printed
    path = printed[1]
    assert client.get("/setup/guess").status_code == 404
    assert client.get(path).status_code == 200
    assert client.post(path, data={"name": "ada", "password": "short"}).status_code == 400
    assert client.post(path, data={"name": " ", "password": PASSWORD}).status_code == 400
    assert client.post(path, data={"name": "ada", "password": PASSWORD}).headers["Location"] == "/"
    assert client.get("/people").status_code == 200
    assert client.get(path).status_code == 404
    first.welcome(chosen, store)
    assert capsys.readouterr().out == ""


def test_the_settings_can_make_the_first_account_alone(config: Config, store: Store) -> None:
    chosen = replace(config, auth_mode=AuthMode.PASSWORD, admin_password=PASSWORD)
    for password in (PASSWORD, "another password"):
        first.welcome(replace(chosen, admin_password=password), store)
    client = browser_of(create_app(chosen, store))
    assert log_in(client, "another password", "admin").status_code == 401
    assert log_in(client, PASSWORD, "admin").status_code == 303
    assert client.get("/people").status_code == 200
