"""Pages and assets are compressed for who asks, and nothing that shows a secret is."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.store import Store, open_store
from diundashboard.web.gate import key_of
from tests.store.asking import record

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
SECRET = "a-secret-of-the-webhook"


def encoding(answer: TestResponse) -> str | None:
    return answer.headers.get("Content-Encoding")


def filled(store: Store, count: int = 50) -> None:
    for number in range(count):
        record(store, f"ghcr.io/someone/app-{number}:1.{number}.0", host=f"host{number % 3}")


def test_a_page_is_a_tenth_of_its_size_for_a_browser(client: FlaskClient, store: Store) -> None:
    filled(store)
    plain = client.get("/")
    small = client.get("/", headers=GZIP)
    assert (encoding(plain), encoding(small)) == (None, "gzip")
    time = rb'name="seen" value="[0-9]+"'
    assert re.sub(time, b"", gzip.decompress(small.data)) == re.sub(time, b"", plain.data)
    assert small.content_length == len(small.data) < len(plain.data) / 8
    assert plain.headers["Vary"] == small.headers["Vary"] == "Cookie, Authorization, Accept-Encoding"


@pytest.mark.parametrize(
    "accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzipped", ";;,=;q", "gzip;q=x;q=0", "\xff\x00", "x" * 5000]
)
def test_a_page_is_plain_for_who_does_not_take_gzip(client: FlaskClient, accepted: str) -> None:
    answer = client.get("/", environ_overrides={"HTTP_ACCEPT_ENCODING": accepted})
    assert (answer.status_code, encoding(answer)) == (200, None)
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("accepted", ["gzip", "GZIP", "*", "br;q=1, gzip;q=0.1", "deflate,,gzip"])
def test_gzip_is_understood_however_it_is_asked_for(client: FlaskClient, accepted: str) -> None:
    assert encoding(client.get("/", headers={"Accept-Encoding": accepted})) == "gzip"


def test_a_page_that_has_not_changed_is_a_304_in_either_form(client: FlaskClient, store: Store) -> None:
    filled(store, 3)
    for first, then in (({}, GZIP), (GZIP, {}), (GZIP, GZIP)):
        tag = client.get("/", headers=first).headers["ETag"]
        answer = client.get("/", headers={**then, "If-None-Match": tag})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
        assert tag.startswith("W/")
        assert encoding(answer) is None


def test_a_304_carries_the_headers_that_it_needs_and_no_others(client: FlaskClient) -> None:
    tag = client.get("/").headers["ETag"]
    assert dict(client.get("/", headers={**GZIP, "If-None-Match": tag}).headers) == {
        "ETag": tag,
        "Cache-Control": "no-store",
        "Vary": "Cookie, Authorization, Accept-Encoding",
    }


def test_head_says_what_get_would_send(client: FlaskClient) -> None:
    head, get = client.head("/", headers=GZIP), client.get("/", headers=GZIP)
    assert (head.data, encoding(head), head.content_length) == (b"", "gzip", get.content_length)


def test_a_range_of_a_page_is_the_whole_page(client: FlaskClient) -> None:
    answer = client.get("/", headers={**GZIP, "Range": "bytes=0-9"})
    assert (answer.status_code, encoding(answer)) == (200, "gzip")
    assert gzip.decompress(answer.data).endswith(b"</html>")


def test_every_asset_is_compressed_and_plain_for_others(client: FlaskClient) -> None:
    for address in set(re.findall(r'/static/[^"#]+', client.get("/").text)):
        plain, small = client.get(address), client.get(address, headers=GZIP)
        assert (encoding(plain), encoding(small)) == (None, "gzip")
        assert gzip.decompress(small.data) == plain.data
        assert small.content_length == len(small.data) < len(plain.data)
        for answer in (plain, small):
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.mimetype == plain.mimetype


def test_data_of_the_api_is_compressed_and_a_short_answer_is_not(client: FlaskClient, store: Store) -> None:
    record(store)
    assert encoding(client.get("/api/v1/tags", headers=GZIP)) is None
    filled(store)
    answer = client.get("/api/v1/updates", headers=GZIP)
    assert encoding(answer) == "gzip"
    assert gzip.decompress(answer.data) == client.get("/api/v1/updates").data


def test_a_sheet_that_is_sent_as_it_is_read_is_plain(client: FlaskClient) -> None:
    answer = client.get("/audit.csv", headers=GZIP)
    assert (answer.status_code, answer.mimetype, encoding(answer)) == (200, "text/csv", None)


def test_an_answer_that_shows_a_secret_is_not_compressed(config: Config, store: Store) -> None:
    protected = create_app(replace(config, webhook_secret=SECRET, webhook_open=False), store).test_client()
    shown = protected.post("/connect", headers={**GZIP, "Origin": "http://localhost"})
    assert SECRET in shown.text
    assert encoding(shown) is None
    made = protected.post(
        "/tokens", data={"name": "x", "level": "read"}, headers={**GZIP, "Origin": "http://localhost"}
    )
    assert re.search(r"diun_[-\w]{43}", made.text)
    assert encoding(made) is None


def test_what_is_compressed_holds_no_secret(config: Config, store: Store) -> None:
    protected = create_app(replace(config, webhook_secret=SECRET, webhook_open=False), store).test_client()
    for path in ("/", "/connect", "/connect/heard", "/tokens", "/people", "/account", "/audit"):
        answer = protected.get(path, headers=GZIP)
        page = gzip.decompress(answer.data) if encoding(answer) else answer.data
        assert SECRET.encode() not in page, path


def test_the_page_of_a_setup_link_does_not_hold_its_code(config_of: Callable[[str], Config]) -> None:
    config = replace(config_of("sqlite"), auth_mode=AuthMode.PASSWORD)
    with closing(open_store(config)) as store:
        store.keep_setup_code(key_of("the-code"))
        answer = create_app(config, store).test_client().get("/setup/the-code", headers=GZIP)
        assert answer.status_code == 200
        assert b"the-code" not in (gzip.decompress(answer.data) if encoding(answer) else answer.data)
