"""A browser that logs in at the provider of the test."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.oidc.fake_provider import FakeProvider


def begin(client: FlaskClient, onward: str = "/hosts") -> dict[str, str]:
    """Begin to log in; what the provider is asked."""
    answer = client.get("/oidc/begin", query_string={"next": onward})
    assert answer.status_code == 303, answer.text
    return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def come_back(client: FlaskClient, provider: FakeProvider, asked: dict[str, str], **more: str) -> TestResponse:
    provider.nonce = asked["nonce"]
    sent = {"code": "code", "state": asked["state"]} | more
    return client.get("/oidc/callback", query_string=sent, headers={"Sec-Fetch-Site": "cross-site"})


def log_in(client: FlaskClient, provider: FakeProvider, **more: str) -> TestResponse:
    return come_back(client, provider, begin(client), **more)
