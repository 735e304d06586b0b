"""Browsers in which somebody has logged in."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.web.context import SESSION_COOKIE
from diundashboard.web.gate import key_of


def browser_of(app: Flask) -> FlaskClient:
    """A browser, which says that its requests come from pages of this site."""
    client = app.test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return client


def logged_in(app: Flask, store: Store, level: Level | None) -> FlaskClient:
    """A browser of somebody with this level, whose account has that name; None is a stranger."""
    client = browser_of(app)
    if level is not None:
        known = store.credentials(level)
        account = known[0] if known else store.add_account(level, level, "hash")
        token = f"{level} {len(store.accounts())}"
        if store.person_of(key_of(token), used=False) is None:
            store.begin_session(account.id, key_of(token), "hash")
        client.set_cookie(SESSION_COOKIE, token)
    return client
