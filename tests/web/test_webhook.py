"""The door for DIUN's notifications: what it takes, and what it answers to everything else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from diundashboard.app import create_app
from diundashboard.config import Config
from diundashboard.model import HistoryQuery, UpdateQuery
from diundashboard.notification import BODY_LIMIT
from diundashboard.store import Store
from tests.conftest import PAYLOADS
from tests.dashboard import Dashboard, running
from tests.updates import heard

BODY = b'{"image": "nginx:1.27.0", "hostname": "nas"}'
LARGEST = BODY.ljust(BODY_LIMIT)
SECRET = "Token123456"
EVERY = UpdateQuery(state=None, fold=False)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def guarded(config: Config, store: Store) -> FlaskClient:
    """The application with a secret, on each database in turn."""
    return create_app(replace(config, webhook_secret=SECRET), store).test_client()


def said(answer: TestResponse) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.data)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_every_payload_of_diun_is_stored_whatever_the_method(client: FlaskClient, store: Store, method: str) -> None:
    for path in PAYLOADS:
        answer = client.open("/webhook", method=method, data=path.read_bytes())
        assert answer.status_code == 200, path.name
        update_id = said(answer)["update"]
        assert answer.json == {"status": "stored", "update": update_id}
        if update_id is None:
            assert path.stem == "15-notif-test"
        else:
            assert heard(store, update_id)[0].payload == path.read_bytes()
    assert store.updates(EVERY).total == 11


def test_the_test_of_diun_is_stored_and_is_about_no_update(client: FlaskClient, store: Store) -> None:
    (test,) = (path for path in PAYLOADS if path.stem == "15-notif-test")
    answer = client.post("/webhook", data=test.read_bytes())
    assert (answer.status_code, answer.json) == (200, {"status": "stored", "update": None})
    assert store.updates(EVERY).total == 0
    (kept,) = store.notifications(HistoryQuery())
    assert (kept.payload, kept.update_id) == (test.read_bytes(), None)


def test_the_server_takes_what_diun_sends_whatever_the_method(dashboard: Dashboard) -> None:
    diun = {"User_Agent": "diun/4.33.0 go/1.26 Linux", "Accept_Encoding": "gzip"}
    methods = ("GET", "POST", "post", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT", "NOTIFY")
    for method in methods:
        for path in PAYLOADS:
            answer = dashboard.request(method, "/webhook", path.read_bytes(), **diun)
            assert (answer.status, answer.json["status"]) == (200, "stored"), (method, path.name)
    updates = dashboard.request("GET", "/api/v1/updates?state=all&fold=no").json["updates"]
    assert sum(update["notifications"] for update in updates) == len(methods) * (len(PAYLOADS) - 1), "all but the test"


def test_a_slash_at_the_end_is_no_redirect(client: FlaskClient) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = client.open("/webhook/", method=method, data=BODY)
        assert (answer.status_code, answer.json) == (200, {"status": "stored", "update": 1})


def test_the_content_type_does_not_matter(client: FlaskClient) -> None:
    """`curl -d` calls its JSON a form."""
    for kind in (None, "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "?"):
        assert client.post("/webhook", data=BODY, content_type=kind).status_code == 200, kind


def test_the_same_notification_again_is_about_the_same_update(client: FlaskClient) -> None:
    assert client.post("/webhook", data=BODY).json == client.post("/webhook", data=BODY).json


def test_a_person_who_opens_it_is_told_how_to_configure_diun(client: FlaskClient) -> None:
    for method, path in (("GET", "/webhook"), ("GET", "/webhook/"), ("OPTIONS", "/webhook")):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert "DIUN_NOTIF_WEBHOOK_ENDPOINT" in said(answer)["error"]
        assert "notif.webhook.method" in said(answer)["error"]


def test_what_is_no_notification_is_refused_in_words(client: FlaskClient, store: Store) -> None:
    for body, words in (
        (b"", "no body"),
        (b" \r\n", "no body"),
        (b"image=nginx", "not JSON"),
        (BODY[:-1], "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"image": NaN}', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'"nginx"', "not an object"),
        (b"{}", "names no image"),
        (b'{"image": null}', "names no image"),
        (b'{"image": ""}', "names no image"),
        (b'{"image": " "}', "names no image"),
        (b'{"image": ["nginx"]}', "names no image"),
        (b'{"Image": "nginx"}', "names no image"),
    ):
        answer = client.post("/webhook", data=body)
        assert answer.status_code == 400, body
        assert words in said(answer)["error"]
    assert store.updates(EVERY).total == 0


def test_the_secret_is_taken_bare_and_as_a_bearer(guarded: FlaskClient) -> None:
    for sent in (SECRET, f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER  {SECRET}", f" {SECRET} "):
        for method in ("GET", "POST"):
            answer = guarded.open("/webhook", method=method, data=BODY, headers={"Authorization": sent})
            assert answer.status_code == 200, (method, sent)


def test_without_the_secret_nothing_is_stored(guarded: FlaskClient, store: Store) -> None:
    short, double = SECRET[:-1], f"{SECRET} {SECRET}"
    for sent in (
        None,
        "",
        "Bearer",
        "Bearer ",
        SECRET.lower(),
        short,
        double,
        f"Basic {SECRET}",
        "Tökén123456",
        "\xff",
    ):
        headers = {} if sent is None else {"Authorization": sent}
        answer = guarded.post("/webhook", data=BODY, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), sent
        assert "WEBHOOK_SECRET" in said(answer)["error"]
        assert SECRET not in answer.text
    assert store.updates(EVERY).total == 0


def test_a_secret_may_have_any_letters(config: Config, store: Store) -> None:
    """A header carries the bytes of UTF-8, which Python hands on as if they were Latin-1."""
    client = create_app(replace(config, webhook_secret="schlüssel-鍵"), store).test_client()
    for sent, status in (("schlüssel-鍵", 200), ("Bearer schlüssel-鍵", 200), ("schlussel-鍵", 401)):
        headers = {"Authorization": sent.encode().decode("latin-1")}
        assert client.post("/webhook", data=BODY, headers=headers).status_code == status


def test_the_server_asks_for_the_secret_before_it_reads_on(config: Config) -> None:
    with running(replace(config, webhook_secret=SECRET)) as dashboard:
        refused = dashboard.request("POST", "/webhook", LARGEST, Authorization="Bearer wrong")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert dashboard.request("POST", "/webhook", LARGEST, Authorization=f"Bearer {SECRET}").status == 200
        assert SECRET not in dashboard.log


def test_the_largest_body_is_one_mebibyte(client: FlaskClient, store: Store) -> None:
    answer = client.post("/webhook", data=LARGEST + b" ")
    assert (answer.status_code, answer.json) == (413, {"error": "the request is too large (limit 1 MiB)"})
    assert store.updates(EVERY).total == 0
    answer = client.post("/webhook", data=LARGEST)
    assert answer.status_code == 200
    assert heard(store, said(answer)["update"])[0].payload == LARGEST


def test_the_client_hears_that_its_body_is_too_large(dashboard: Dashboard) -> None:
    """It gets the answer, not a reset connection, and can go on with the next request."""
    for surplus in (1, 100_000, BODY_LIMIT):
        for send in (bytes, pieces):
            with closing(HTTPConnection("127.0.0.1", dashboard.port, timeout=60)) as connection:
                for body, status in ((BODY.ljust(BODY_LIMIT + surplus), 413), (LARGEST, 200), (BODY, 200)):
                    connection.request("POST", "/webhook", send(body))
                    response = connection.getresponse()
                    assert (response.status, bool(response.read())) == (status, True), (surplus, send)
    assert dashboard.request("GET", "/api/v1/updates").json["total"] == 1


def pieces(body: bytes) -> Iterator[bytes]:
    """The body in pieces, which http.client sends as chunks, without a Content-Length."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


def test_a_body_that_breaks_off_is_refused_in_words(dashboard: Dashboard) -> None:
    for rest in (
        b"Content-Length: 500\r\n\r\n" + BODY[:-1],
        b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + BODY,
        b"Transfer-Encoding: chunked\r\n\r\nno size\r\n" + BODY,
    ):
        with socket.create_connection(("127.0.0.1", dashboard.port), timeout=30) as connection:
            connection.sendall(b"POST /webhook HTTP/1.1\r\nHost: localhost\r\n" + rest)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                status, answer = stream.readline(), stream.read()
        assert status.split()[1] == b"400", rest
        assert b'{"error":' in answer
    assert "Traceback" not in dashboard.log
