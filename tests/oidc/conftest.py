"""The dashboard whose people log in at a provider of the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from diundashboard.app import create_app
from diundashboard.config import AuthMode, Config
from diundashboard.store import Store
from tests.oidc.fake_provider import CLIENT, SECRET, FakeProvider, faking
from tests.web.people import browser_of


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with faking() as fake:
        yield fake


@pytest.fixture
def config(config_of: Any, provider: FakeProvider) -> Config:
    chosen: Config = config_of("sqlite")
    return replace(
        chosen,
        auth_mode=AuthMode.OIDC,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        auth_groups_admin=("admins",),
        auth_groups_read=("users",),
    )


@pytest.fixture
def app(config: Config, store: Store) -> Flask:
    return create_app(config, store)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return browser_of(app)
