"""Logging in at an OpenID provider that also does what no provider should."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey

from diundashboard.address import site
from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.web.oidc import LOGIN_COOKIE
from tests.oidc.asking import begin, come_back, log_in
from tests.oidc.fake_provider import CLIENT, FakeProvider
from tests.web.people import browser_of, logged_in


def test_the_login_leads_to_the_provider_by_one_link_and_back_to_the_page(
    client: FlaskClient, provider: FakeProvider, store: Store
) -> None:
    assert client.get("/hosts?x=1").headers["Location"] == "/login?next=/hosts%3Fx%3D1"
    page = client.get("/login?next=/hosts%3Fx%3D1").text
    assert "/oidc/begin?next=/hosts?x%3D1" in page
    assert "password" not in page
    asked = begin(client, "/hosts?x=1")
    assert asked["response_type"] == "code"
    assert asked["response_mode"] == "query"
    assert asked["scope"] == "openid email groups"
    assert asked["redirect_uri"] == "http://localhost/oidc/callback"
    answer = come_back(client, provider, asked, iss=provider.issuer)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/hosts?x=1")
    assert client.get("/hosts").status_code == 200
    (account,) = store.accounts()
    assert (account.name, account.level, account.issuer) == ("ada", Level.ADMIN, provider.issuer)
    assert client.get("/login").status_code == 303


def test_the_code_is_redeemed_with_the_secret_and_the_verifier_of_this_login(
    client: FlaskClient, provider: FakeProvider
) -> None:
    asked = begin(client)
    come_back(client, provider, asked)
    (verifier,) = provider.form["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert (asked["code_challenge_method"], asked["code_challenge"]) == ("S256", digest)
    assert provider.form["redirect_uri"] == ["http://localhost/oidc/callback"]
    assert base64.b64decode(provider.authorization.removeprefix("Basic ")) == b"diun:a+secret%3A+with%2Fsigns%2B"


@pytest.mark.parametrize("public", ["https://diun.example.org", "https://example.org/diun"])
def test_the_provider_sends_back_to_the_public_address(config: Config, store: Store, public: str) -> None:
    client = browser_of(create_app(replace(config, public_url=site(public)), store))
    assert begin(client)["redirect_uri"] == f"{public}/oidc/callback"


@pytest.mark.parametrize("state", ["", "x", "\0", "é"])
def test_a_browser_in_which_no_login_began_is_not_let_in(
    app: Flask, client: FlaskClient, provider: FakeProvider, store: Store, state: str
) -> None:
    asked = begin(client)
    # Login CSRF: the attacker's own code and state, in the victim's browser.
    assert come_back(browser_of(app), provider, asked).status_code == 400
    other = browser_of(app)
    begin(other)
    assert come_back(other, provider, asked).status_code == 400
    assert come_back(client, provider, asked | {"state": state}).status_code == 400
    assert "/token" not in provider.asked
    assert store.accounts() == ()


def test_a_login_ends_once_and_after_ten_minutes(
    client: FlaskClient, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(client)
    assert come_back(client, provider, asked, code="").status_code == 303
    assert come_back(client, provider, asked).status_code == 400
    client.delete_cookie("diun_session")
    now = time.time()
    asked = begin(client)
    monkeypatch.setattr(time, "time", lambda: now + 620)
    answer = come_back(client, provider, asked)
    assert (answer.status_code, "ten minutes" in answer.text) == (400, True)


def test_what_the_cookie_says_cannot_be_changed(client: FlaskClient, provider: FakeProvider) -> None:
    asked = begin(client)
    cookie = client.get_cookie(LOGIN_COOKIE)
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    secret, begun_at, _ = cookie.decoded_value.split(" ")
    for forged in (f"{secret} {begun_at} /tags", f"{secret} {int(begun_at) + 1} /hosts", secret, ""):
        client.set_cookie(LOGIN_COOKIE, forged)
        assert come_back(client, provider, asked).status_code == 400


NOW = int(time.time())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"claims": {"nonce": "of another login"}}, "nonce"),
        ({"claims": {"nonce": None}}, "nonce"),
        ({"claims": {"aud": "another"}}, "aud"),
        ({"claims": {"aud": [CLIENT, "another"]}}, "azp"),
        ({"claims": {"azp": "another"}}, "azp"),
        ({"claims": {"iss": "https://evil.example"}}, "iss"),
        ({"claims": {"exp": NOW - 300}}, "expired"),
        ({"claims": {"exp": None}}, "exp"),
        ({"claims": {"iat": NOW + 3000}}, "issued in the future"),
        ({"claims": {"sub": None}}, "sub"),
        ({"claims": {"sub": ""}}, "names no person"),
        ({"claims": {"sub": 42}}, "sub"),
        ({"claims": {"sub": "43"}}, "another person"),
        ({"claims": {"sub": "x" * 256}}, "names no person"),
        ({"claims": {"at_hash": "x"}}, "at_hash"),
        ({"algorithm": "none"}, "'none'"),
        ({"algorithm": "HS256"}, "'HS256'"),
        ({"key": RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)}, "signature"),
        ({"key": RSAKey.generate_key(2048, {"kid": "two"}, auto_kid=False)}, "signature"),
        ({"token_type": {"id_token": None}}, "without an ID token"),
        ({"token_type": {"id_token": "a.b.c"}}, "not valid"),
        ({"token_type": {"id_token": "x" * 5000}}, "not valid"),
    ],
)
def test_an_id_token_that_proves_nothing_lets_nobody_in(
    client: FlaskClient, provider: FakeProvider, store: Store, wrong: dict[str, Any], words: str
) -> None:
    for name, value in wrong.items():
        setattr(provider, name, value)
    answer = log_in(client, provider)
    assert (answer.status_code, words in answer.text.replace("&#39;", "'")) == (403, True), answer.text
    assert store.accounts() == ()
    assert client.get("/").status_code == 303


def test_an_answer_of_another_provider_is_refused(client: FlaskClient, provider: FakeProvider) -> None:
    assert log_in(client, provider, iss="https://evil.example").status_code == 403
    assert "/token" not in provider.asked


def test_a_provider_that_promises_to_say_who_it_is_must(client: FlaskClient, provider: FakeProvider) -> None:
    provider.described = {"authorization_response_iss_parameter_supported": True}
    assert log_in(client, provider).status_code == 403
    assert log_in(client, provider, iss=provider.issuer).status_code == 303


def test_new_keys_of_the_provider_are_looked_up(client: FlaskClient, provider: FakeProvider) -> None:
    assert log_in(client, provider).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "two"}, auto_kid=False)
    provider.keys.append(provider.key)
    client.delete_cookie("diun_session")
    assert log_in(client, provider).status_code == 303
    client.delete_cookie("diun_session")
    assert log_in(client, provider).status_code == 303
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_the_words_of_the_provider_are_shown_as_text_and_cut(
    client: FlaskClient, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    answer = log_in(client, provider, error="access_denied", error_description="<script>" + "x" * 300)
    assert answer.status_code == 403
    assert "&lt;script&gt;x" in answer.text
    assert "x" * 193 not in answer.text
    assert "Try again" in answer.text
    provider.raw["/token"] = b'HTTP/1.1 400 Bad\r\n\r\n{"error_description": "<i>no</i>\\nfailed login"}'
    answer = log_in(client, provider)
    assert (answer.status_code, "&lt;i&gt;no" in answer.text) == (403, True)
    assert "no</i> failed login" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("person", "level"),
    [
        ({"groups": ["users", "admins"]}, Level.ADMIN),
        ({"groups": ["users"]}, Level.READ),
        ({"groups": "users"}, Level.READ),
        ({"groups": ["Users"]}, None),
        ({"groups": [["users"]]}, None),
        ({"groups": {"users": True}}, None),
        ({"groups": []}, None),
        ({}, None),
    ],
)
def test_groups_become_a_level(
    client: FlaskClient, provider: FakeProvider, store: Store, person: dict[str, Any], level: Level | None
) -> None:
    provider.person = {"preferred_username": "<b>ada</b>"} | person
    answer = log_in(client, provider)
    assert [account.level for account in store.accounts()] == ([level] if level else [])
    if level is None:
        assert answer.status_code == 403
        assert "&lt;b&gt;ada&lt;/b&gt; may not use this dashboard" in answer.text


@pytest.mark.parametrize(
    ("allowed", "address", "verified", "inside"),
    [
        ("ada@example.org", "Ada@Example.org", True, True),
        ("ada@example.org", "ada@example.org", False, False),
        ("ada@example.org", "ada@example.org", "true", False),
        ("ada@example.org", "ada@example.org", None, False),
        ("ada@example.org", "eve@example.org", True, False),
        ("@example.org", "eve@example.org", True, True),
        ("@example.org", "eve@evil.example.org", True, False),
        ("@example.org", "eve@example.org.evil.example", True, False),
        ("@example.org", "", True, False),
    ],
)
def test_a_verified_address_lets_in(
    config: Config, store: Store, provider: FakeProvider, allowed: str, address: str, verified: Any, inside: bool
) -> None:
    chosen = replace(config, auth_groups_admin=(), auth_groups_read=(), auth_level=Level.WRITE)
    chosen = replace(chosen, oidc_allowed_addresses=(allowed,))
    provider.person = {"email": address} | ({} if verified is None else {"email_verified": verified})
    provider.claims = {"email": "ada@elsewhere.example", "email_verified": True}
    answer = log_in(browser_of(create_app(chosen, store)), provider)
    assert answer.status_code == (303 if inside else 403)
    assert [account.level for account in store.accounts()] == ([Level.WRITE] if inside else [])


def test_another_level_at_the_next_login_ends_the_other_sessions(
    app: Flask, provider: FakeProvider, store: Store
) -> None:
    first, second = browser_of(app), browser_of(app)
    log_in(first, provider)
    provider.person = {"preferred_username": "ada", "groups": ["users"]}
    log_in(second, provider)
    assert first.get("/").status_code == 303
    assert second.get("/").status_code == 200
    assert second.get("/people").status_code == 403


def test_sessions_of_another_mode_or_provider_are_none_here(
    app: Flask, config: Config, provider: FakeProvider, store: Store
) -> None:
    assert logged_in(app, store, Level.ADMIN).get("/").status_code == 303
    client = browser_of(app)
    log_in(client, provider)
    token = client.get_cookie("diun_session")
    assert token is not None
    others = {"auth_mode": AuthMode.PASSWORD}, {"oidc_issuer": "https://other.example"}
    for other in others:
        changed: Any = replace(config, **other)
        browser = browser_of(create_app(changed, store))
        browser.set_cookie("diun_session", token.value)
        assert browser.get("/").status_code == 303


def test_logging_out_leads_to_the_provider(client: FlaskClient, provider: FakeProvider) -> None:
    log_in(client, provider)
    answer = client.post("/logout")
    assert answer.status_code == 200
    assert f"{provider.issuer}/out?x=1&amp;id_token_hint=ey" in answer.text
    assert "post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Flogin" in answer.text
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert client.get("/").status_code == 303


def test_logging_out_ends_here_where_the_provider_has_no_address_for_it(
    client: FlaskClient, provider: FakeProvider
) -> None:
    for address in ("javascript:alert(1)", None):
        provider.described = {"end_session_endpoint": address}
        log_in(client, provider)
        assert client.post("/logout").headers["Location"] == "/login"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("address", [None, 7, "http://id.example.org/x", "javascript:x", "file:///etc/passwd"])
def test_secrets_go_to_no_address_that_others_can_read(
    client: FlaskClient, provider: FakeProvider, name: str, address: Any
) -> None:
    provider.described = {name: address}
    assert client.get("/oidc/begin").status_code == 503


def test_another_sites_page_cannot_begin_a_login(client: FlaskClient) -> None:
    answer = client.get("/oidc/begin", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert client.get_cookie(LOGIN_COOKIE) is None


def test_passwords_and_accounts_are_the_providers(client: FlaskClient, provider: FakeProvider) -> None:
    log_in(client, provider)
    page = client.get("/account").text
    assert provider.issuer.removeprefix("http://") in page
    assert "password" not in page
    assert "Add an account" not in client.get("/people").text
    for path in ("/people", "/people/1/level", "/people/1/password", "/account/password", "/setup/x", "/login"):
        assert client.post(path, data={"name": "x", "level": "admin"}).status_code in (404, 405), path
    assert client.get("/setup/x").status_code == 404
