"""An OpenID provider that does not answer as it should, and settings that name none."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard import outgoing
from diundashboard.cli import main
from diundashboard.config import Config, Misconfigured
from diundashboard.model import Level
from diundashboard.provider import AT_ONCE, KEPT, PAUSE, Provider
from diundashboard.store import Store
from tests.oidc.asking import begin, come_back
from tests.oidc.fake_provider import FakeProvider
from tests.web.people import browser_of

NEEDED = {
    "AUTH_MODE": "oidc",
    "OIDC_ISSUER": "https://id.example.org",
    "OIDC_CLIENT_ID": "diun",
    "OIDC_CLIENT_SECRET": "secret",
}


HUGE = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (outgoing.LONGEST + 1) + b"{}"


def _redirect(provider: FakeProvider, path: str) -> bytes:
    """A redirect whose body would do."""
    head = f"HTTP/1.1 302 Found\r\nLocation: {provider.issuer}/elsewhere\r\n\r\n"
    return (head + json.dumps(provider.answer(path))).encode()


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/me"])
@pytest.mark.parametrize("fault", ["drip", "huge", "redirect", "500", "no JSON", "a list", "hang up"])
def test_a_provider_that_is_ill_is_away_and_nobody_else_suffers(
    app: Flask, store: Store, provider: FakeProvider, path: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {
        "huge": HUGE,
        "redirect": _redirect(provider, path),
        "500": b"HTTP/1.1 500 Oh\r\n\r\n{}",
        "no JSON": b"HTTP/1.1 200 OK\r\n\r\n<html>",
        "a list": b"HTTP/1.1 200 OK\r\n\r\n[]",
        "hang up": b"",
    }
    client, inside = browser_of(app), browser_of(app)
    if fault == "drip":
        monkeypatch.setattr(outgoing, "SECONDS", 0.3)
        provider.drip.add(path)
    else:
        provider.raw[path] = whole[fault]
    began = time.monotonic()
    answer = client.get("/oidc/begin")
    if answer.status_code == 303:
        asked = {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        answer = come_back(client, provider, asked)
    assert time.monotonic() - began < 3
    assert (answer.status_code, "does not answer as it should" in answer.text) == (503, True)
    assert "/elsewhere" not in provider.asked
    assert store.accounts() == ()
    account = store.recognize(provider.issuer, "7", "bob", Level.READ)
    store.begin_session(account.id, hashlib.sha256(b"bob").hexdigest())
    inside.set_cookie("diun_session", "bob")
    assert inside.get("/").status_code == 200


def test_a_provider_that_is_away_is_asked_again_after_a_moment_and_one_that_answers_after_an_hour(
    app: Flask, config: Config, provider: FakeProvider
) -> None:
    now, place = [0.0], "/.well-known/openid-configuration"
    app.extensions["diundashboard.provider"] = Provider(config, lambda: now[0])
    client = browser_of(app)
    provider.raw[place] = b"HTTP/1.1 502 Away\r\n\r\n"
    assert [client.get("/oidc/begin").status_code for _ in range(3)] == [503, 503, 503]
    assert provider.asked == [place]
    provider.raw.clear()
    now[0] += PAUSE
    assert [client.get("/oidc/begin").status_code for _ in range(3)] == [303, 303, 303]
    now[0] += KEPT - 1
    client.get("/oidc/begin")
    assert provider.asked.count(place) == 2
    now[0] += 1
    client.get("/oidc/begin")
    assert provider.asked.count(place) == 3


def test_no_more_than_some_threads_wait_for_the_provider(
    app: Flask, config: Config, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SECONDS", 2)
    begin(browser_of(app))
    provider.drip.add("/token")

    def ask() -> tuple[int, float]:
        client, began = browser_of(app), time.monotonic()
        return come_back(client, provider, begin(client)).status_code, time.monotonic() - began

    with ThreadPoolExecutor(AT_ONCE) as pool:
        slow = [pool.submit(ask) for _ in range(AT_ONCE)]
        while provider.asked.count("/token") < AT_ONCE:
            assert not any(each.done() for each in slow)
        status = browser_of(app).get("/oidc/begin").status_code
        assert not any(each.done() for each in slow)
        assert status == 503
        assert [each.result()[0] for each in slow] == [503] * AT_ONCE


def test_a_provider_that_calls_itself_otherwise_is_not_used(
    client: FlaskClient, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.described = {"issuer": "https://evil.example"}
    assert client.get("/oidc/begin").status_code == 503
    assert "set OIDC_ISSUER" in caplog.text


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({}, "AUTH_GROUPS_ADMIN, AUTH_GROUPS_WRITE, AUTH_GROUPS_READ or OIDC_ALLOWED_ADDRESSES"),
        ({"OIDC_ISSUER": ""}, "OIDC_ISSUER"),
        ({"OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_ID, OIDC_CLIENT_SECRET"),
        ({"OIDC_ISSUER": "http://id.example.org"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://id.example.org/?x"}, "OIDC_ISSUER"),
        ({"OIDC_ALLOWED_ADDRESSES": "ada"}, "OIDC_ALLOWED_ADDRESSES"),
        ({"OIDC_ALLOWED_ADDRESSES": "@example.org"}, "AUTH_LEVEL"),
        ({"OIDC_ALLOWED_ADDRESSES": "ada@example.org", "AUTH_GROUPS_READ": "users"}, "AUTH_LEVEL"),
    ],
)
def test_settings_that_lack_something_are_refused_in_one_line(changed: dict[str, str], named: str) -> None:
    with pytest.raises(Misconfigured, match=named) as caught:
        Config.read(NEEDED | changed)
    assert str(caught.value).isprintable()


def test_without_its_packages_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (NEEDED | {"AUTH_GROUPS_READ": "users", "PORT": "0", "HOST": "127.0.0.1"}).items():
        monkeypatch.setenv(name, value if name != "PORT" else "8099")
    monkeypatch.setitem(sys.modules, "joserfc", None)
    monkeypatch.delitem(sys.modules, "diundashboard.provider", raising=False)
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == (
        "diundashboard: AUTH_MODE=oidc needs more packages: pip install 'diundashboard[oidc]'\n"
    )
