"""What the webhook refused is remembered, as DIUN will not say it again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import Refusal
from diundashboard.notification import BODY_LIMIT
from diundashboard.store import Declined, Store
from tests.conftest import settle
from tests.dashboard import Dashboard, running

SECRET = 'open "sesame"'
DIUN = {"User-Agent": "diun/4.33.0 go/1.26 Linux"}


@pytest.fixture
def protected(config: Config, store: Store) -> FlaskClient:
    """The application with a secret."""
    return create_app(replace(config, webhook_secret=SECRET), store).test_client()


def refusals(store: Store) -> tuple[Refusal, ...]:
    settle()
    return store.refusals(now() - timedelta(hours=1))


@pytest.mark.parametrize("path", ["/webhook", "/webhook/"])
@pytest.mark.parametrize(
    ("method", "body", "status", "reason", "excerpt"),
    [
        ("POST", b"no json", 400, "not JSON", "no json"),
        ("PUT", b'{"hostname": "nas"}', 400, "names no image", '{"hostname": "nas"}'),
        ("POST", b"", 400, "no body", ""),
        ("GET", b"", 405, "set notif.webhook.endpoint", ""),
        ("POST", b"\xff" + b"x" * BODY_LIMIT, 413, "too large (limit 1 MiB)", "\ufffd" + "x" * 199),
    ],
    ids=["not JSON", "no image", "no body", "GET", "too large"],
)
def test_a_refused_request_is_remembered_with_its_reason(
    client: FlaskClient, store: Store, path: str, method: str, body: bytes, status: int, reason: str, excerpt: str
) -> None:
    answer = client.open(path, method=method, data=body, headers=DIUN, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    (refusal,) = refusals(store)
    assert answer.status_code == refusal.status == status
    assert reason in refusal.reason
    assert (refusal.address, refusal.excerpt) == ("192.0.2.7", excerpt)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/"), ("GET", "/webhooks"), ("GET", "/hosts"), ("POST", "/api/v1")]
)
def test_diun_at_a_wrong_address_is_told_its_own_and_remembered(
    client: FlaskClient, store: Store, method: str, path: str
) -> None:
    body = b'{"image": "nginx:1", "hostname": "nas"}'
    answer = client.open(path, method=method, data=body, headers=DIUN)
    assert answer.status_code in (404, 405)
    (refusal,) = refusals(store)
    assert answer.json == {"error": refusal.reason}
    assert "go to http://localhost/webhook: set notif.webhook.endpoint" in refusal.reason
    assert refusal.excerpt == body.decode()
    assert client.open(path, method=method, data=body).status_code in (200, 404, 405)
    assert len(refusals(store)) == 1, "only DIUN is"


def test_a_wrong_secret_is_remembered_without_any_secret(protected: FlaskClient, store: Store) -> None:
    body = json.dumps({"image": "nginx:1", "note": f"my secret is {SECRET}", "more": "x" * 300}).encode()
    answer = protected.post("/webhook", data=body, headers={"Authorization": "Bearer Token123456"})
    (refusal,) = refusals(store)
    assert answer.status_code == refusal.status == 401
    assert "nginx:1" in refusal.excerpt
    assert len(refusal.excerpt) == 200
    for secret in (SECRET, "sesame", "Token123456"):
        assert secret not in f"{refusal.reason} {refusal.excerpt}"


def test_a_secret_at_the_cut_is_not_kept_in_part(protected: FlaskClient, store: Store) -> None:
    protected.post("/webhook", data=b"x" * 190 + SECRET.encode())
    assert refusals(store)[0].excerpt == "x" * 190 + "•••"


def test_what_is_taken_and_what_other_pages_refuse_is_no_refusal(client: FlaskClient, store: Store) -> None:
    assert client.post("/webhook", data=b'{"image": "nginx:1"}').status_code == 200
    assert client.post("/api/v1/tags", data=b"no json").status_code == 400
    assert client.get("/webhook/nothing").status_code == 404
    assert client.post("/webhook", data=b"x", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert refusals(store) == ()


@pytest.mark.parametrize("path", ["/webhook", "/webhook/", "/ping/nas"])
def test_what_another_sites_page_has_a_browser_ask_for_is_not_remembered(
    client: FlaskClient, protected: FlaskClient, store: Store, path: str
) -> None:
    image = {"Accept": "image/avif,image/webp,*/*;q=0.8", "Referer": "http://evil.example/"}
    for number in range(35):
        answer = (client, protected)[number % 2].get(path, headers=image)
        assert answer.status_code in (401, 405)
        assert "error" in answer.get_json()
    for headers in ({"Sec-Fetch-Site": "cross-site", **DIUN}, {"Origin": "https://evil.example", **DIUN}):
        assert client.get(path, headers=headers).status_code in (404, 405)
    assert refusals(store) == ()
    protected.post("/webhook", data=b"from DIUN")
    assert [refusal.excerpt for refusal in refusals(store)] == ["from DIUN"]


def test_a_flood_of_refusals_is_remembered_in_part(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 0.0
    monkeypatch.setattr("diundashboard.web.refusals.monotonic", lambda: moment)
    for _ in range(50):
        assert client.post("/webhook", data=b"?").status_code == 400
    assert len(refusals(store)) == 30
    moment = 61.0
    client.post("/webhook", data=b"later")
    assert (len(refusals(store)), refusals(store)[0].excerpt) == (31, "later")


def test_a_refusal_that_cannot_be_stored_leaves_the_answer_as_it_is(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(refusal: Refusal) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr(store, "refuse", fail)
    answer = client.post("/webhook", data=b"?")
    assert answer.status_code == 400
    assert "the body is not JSON" in answer.text
    settle()
    assert "surprise" in caplog.text


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_a_refusal_waits_for_the_database_after_its_answer_is_sent(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse, back, tried = store.refuse, Event(), Event()

    def hang(refusal: Refusal) -> None:
        tried.set()
        if not back.wait(30) or refusal.excerpt == "?":
            monkeypatch.setattr(store, "refuse", refuse)
            raise Declined("the database is locked")
        refuse(refusal)

    monkeypatch.setattr(store, "refuse", hang)
    assert client.post("/webhook", data=b"?").status_code == 400
    assert tried.wait(30)
    assert client.post("/webhook", data=b"!").status_code == 400
    assert store.refusals(now() - timedelta(hours=1)) == ()
    back.set()
    assert [refusal.excerpt for refusal in refusals(store)] == ["!", "?"]


def test_a_running_dashboard_remembers_how_a_body_began(config: Config) -> None:
    with running(replace(config, webhook_secret=SECRET)) as dashboard:
        _refused(dashboard, b"y" * 5000, 401)
        _refused(dashboard, b"z" * (BODY_LIMIT + 1), 413, Authorization=SECRET)
        bodies = [f"<code>{letter * 200}</code>" for letter in "yz"]
        deadline = time.monotonic() + 30
        while not all(excerpt in (page := dashboard.request("GET", "/connect").body.decode()) for excerpt in bodies):
            assert time.monotonic() < deadline, page


def _refused(dashboard: Dashboard, body: bytes, status: int, **headers: str) -> None:
    assert dashboard.request("POST", "/webhook", body, **headers).status == status
