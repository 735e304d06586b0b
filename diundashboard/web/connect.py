"""The Connect page: what to paste into DIUN, whether notifications arrive, and what was refused."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.model import HistoryQuery
from diundashboard.notification import TEST_IMAGE
from diundashboard.snippet import in_address, run_snippets, snippets
from diundashboard.web.context import actor, ping_address, secret, store, webhook_address
from diundashboard.web.fresh import fresh

blueprint = Blueprint("connect", __name__, url_prefix="/connect")

_DAY = timedelta(days=1)
_HIDDEN = "•" * 12


@blueprint.get("")
@fresh
def index() -> ResponseReturnValue:
    """The page, with dots instead of the secret."""
    return render_template("connect.html", shown=False, **_heard())


@blueprint.post("")
def reveal() -> ResponseReturnValue:
    """The page with the secret. No cache and no history keeps the answer to a form."""
    if secret().shown():
        store().note(actor(), "webhook secret shown")
    return render_template("connect.html", shown=True, **_heard())


@blueprint.post("/secret")
def require_secret() -> ResponseReturnValue:
    """Require a secret from now on."""
    secret().require(actor())
    return redirect(url_for("connect.index", _anchor="snippets"), 303)


@blueprint.get("/heard")
def heard() -> ResponseReturnValue:
    """The parts of the page that change by themselves; 304 while they have not."""
    parts = _heard()
    response = make_response(render_template("heard.html", **parts))
    response.set_etag(parts["seen"], weak=True)
    return response.make_conditional(request)


@blueprint.app_template_global()
def connection(shown: bool) -> dict[str, Any]:
    """What to paste into DIUN, with the secret itself only if it is to be shown."""
    known = secret().shown()
    return {
        "secret": bool(known),
        "local": webhook_address().partition("://")[2].startswith(("localhost", "127.", "[::1]")),
        "snippets": snippets(webhook_address(), known if shown or not known else _HIDDEN),
        "run_snippets": run_snippets(ping_address(), in_address(known) if shown or not known else _HIDDEN),
    }


def _heard() -> dict[str, Any]:
    newest = next(iter(store().notifications(HistoryQuery(limit=1))), None)
    refusals = store().refusals(now() - _DAY)
    return {
        "newest": newest,
        "test": newest is not None and newest.image == TEST_IMAGE,
        "refusals": refusals,
        "seen": hashlib.sha256(repr((newest, refusals)).encode("utf-8", "replace")).hexdigest()[:32],
    }
