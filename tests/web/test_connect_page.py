"""The Connect page: what to paste into DIUN, whether notifications arrive, and what was refused."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from diundashboard.address import site
from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import Refusal
from diundashboard.store import Store
from tests.conftest import PAYLOADS, Clock, settle

SECRET = 'it\'s <b>"quoted"</b> $HOME'
TEST = next(path for path in PAYLOADS if path.stem == "15-notif-test").read_bytes()


@pytest.fixture
def protected(config: Config, store: Store) -> FlaskClient:
    """The application with a secret."""
    return create_app(replace(config, webhook_secret=SECRET), store).test_client()


def page_of(client: FlaskClient, path: str = "/connect", **options: str) -> str:
    return html.unescape(client.get(path, **options).text)


def notify(client: FlaskClient, body: bytes = b'{"image": "ghcr.io/x/app:2", "hostname": "nas"}') -> None:
    assert client.post("/webhook", data=body, headers={"Authorization": SECRET}).status_code == 200


@pytest.mark.parametrize("path", ["/connect", "/"])
def test_the_snippets_carry_the_address_that_was_called(client: FlaskClient, path: str) -> None:
    page = page_of(client, path, base_url="https://diun.lan")
    assert page.count("https://diun.lan/webhook") == 3
    for name in ("endpoint:", "DIUN_NOTIF_WEBHOOK_ENDPOINT=", "image: crazymax/diun"):
        assert name in page
    assert "Only this machine can use that name" not in page


def test_it_shows_how_diun_reports_its_runs(client: FlaskClient, protected: FlaskClient) -> None:
    page = page_of(client, base_url="https://diun.lan")
    assert page.count("https://diun.lan/ping/") == 3
    assert 'uuid: "name-of-this-machine"' in page
    assert "contains the secret" not in page
    assert "name-of-this-machine.••••" in page_of(protected)
    assert f"name-of-this-machine.{quote(SECRET, safe='')}" in html.unescape(protected.post("/connect").text)


def test_the_snippets_carry_the_public_address(config: Config, store: Store) -> None:
    client = create_app(replace(config, public_url=site("https://diun.example.org/d")), store).test_client()
    page = page_of(client, base_url="http://localhost:8080")
    assert page.count("https://diun.example.org/d/webhook") == 3
    assert page.count("https://diun.example.org/d/ping/") == 3
    assert "Only this machine can use that name" not in page


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_an_address_that_only_this_machine_has_is_pointed_out(client: FlaskClient, host: str) -> None:
    assert "Only this machine can use that name" in page_of(client, base_url=f"http://{host}")


@pytest.mark.parametrize("path", ["/connect", "/", "/connect/heard", "/connect?secret=show"])
def test_the_secret_is_not_in_a_page_that_nobody_asked_for_it(protected: FlaskClient, path: str) -> None:
    answer = protected.get(path)
    for form in (SECRET, html.escape(SECRET), html.escape(json.dumps(SECRET)), quote(SECRET, safe=""), "$HOME"):
        assert form not in answer.text


def test_the_secret_is_shown_to_who_asks_and_kept_by_no_cache(protected: FlaskClient) -> None:
    answer = protected.post("/connect")
    assert answer.headers["Cache-Control"] == "no-store"
    page = html.unescape(answer.text)
    assert f"authorization: {json.dumps(SECRET)}" in page
    assert "<b>" not in answer.text
    assert "••••" not in page


def test_another_site_cannot_ask_for_the_secret(protected: FlaskClient) -> None:
    answer = protected.post("/connect", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "$HOME" not in answer.text


def test_without_a_secret_the_page_says_that_anybody_can_send(client: FlaskClient) -> None:
    page = page_of(client)
    assert "Anyone who can reach this address can send" in page
    assert "authorization" not in page.lower()


def test_the_light_is_off_until_diun_is_heard(protected: FlaskClient) -> None:
    assert "Waiting for the first notification." in page_of(protected)
    notify(protected)
    page = page_of(protected)
    assert 'class="light on"' in page
    assert "Connected." in page
    assert "ghcr.io/x/app:2" in page


def test_the_test_of_diun_is_recognised(protected: FlaskClient) -> None:
    notify(protected, TEST)
    assert f"DIUN's test arrived from {json.loads(TEST)['hostname']}." in page_of(protected)
    notify(protected)
    assert "test arrived" not in page_of(protected)


@pytest.mark.parametrize("path", ["/connect", "/"])
def test_the_command_for_a_test_fits_the_service_of_the_snippet(client: FlaskClient, path: str) -> None:
    """The snippet sets no container_name, so that `docker exec diun` finds no container."""
    page = page_of(client, path)
    assert "docker compose exec diun diun notif test" in page
    assert "services:\n  diun:\n" in page
    assert "container_name" not in page
    assert "docker exec" not in page


def test_refused_requests_are_listed_with_their_reason_newest_first(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    clock.time = now()  # A refusal has the time of the request.
    client.post("/webhook", data=b"<script>alert(1)</script>")
    client.post("/webhook", data=b"{}")
    settle()
    answer = client.get("/connect")
    assert "<script>alert" not in answer.text
    page = html.unescape(answer.text)
    assert page.index("names no image") < page.index("<script>alert(1)</script>")
    assert "A request was refused:" in page
    clock.time = now() + timedelta(minutes=1)
    notify(client)
    assert "A request was refused:" not in page_of(client)


def test_what_was_refused_before_yesterday_is_not_listed(client: FlaskClient, store: Store) -> None:
    store.refuse(Refusal(now() - timedelta(hours=25), "192.0.2.1", 400, "long ago", ""))
    assert "long ago" not in page_of(client)
    assert "Refused in the last 24 hours: none" in page_of(client)


def test_what_is_heard_costs_nothing_while_nothing_changes(client: FlaskClient) -> None:
    def ask(tag: str) -> tuple[int, str]:
        answer = client.get("/connect/heard", headers={"If-None-Match": tag})
        return answer.status_code, answer.headers["ETag"]

    status, tag = ask('"none"')
    assert status == 200
    assert f"data-heard='{tag}'" in client.get("/connect").text
    assert ask(tag) == (304, tag)
    client.post("/webhook", data=b"?")
    settle()
    status, refused = ask(tag)
    assert status == 200
    notify(client)
    assert ask(refused)[0] == 200


def test_connect_stands_in_the_navigation(client: FlaskClient) -> None:
    assert '<a href="/connect" aria-current="page">Connect</a>' in client.get("/connect").text
    assert '<a href="/connect" aria-current="page">Connect</a>' in client.post("/connect").text
