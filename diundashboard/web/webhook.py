"""Receives DIUN's notifications. DIUN sends each of them only once."""

from __future__ import annotations

import hmac

from flask import Blueprint, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import MethodNotAllowed, Unauthorized
from werkzeug.routing import Rule

from diundashboard.web.context import secret, spool

blueprint = Blueprint("webhook", __name__)


@blueprint.record
def _add_routes(state: BlueprintSetupState) -> None:
    """A rule without methods accepts every method, because DIUN sends the one in its setting `method`."""
    for path in ("/webhook", "/webhook/"):
        state.app.url_map.add(Rule(path, endpoint="webhook.receive"))


@blueprint.endpoint("webhook.receive")
def receive() -> ResponseReturnValue:
    """Store one notification, or keep it until that can be done.

    DIUN sends a GET with a body unless its configuration sets another method.
    """
    if not _knows_secret():
        raise Unauthorized(
            "the Authorization header does not contain the secret: WEBHOOK_SECRET sets it, or Connect shows it",
            www_authenticate=WWWAuthenticate("Bearer"),
        )
    body = request.get_data()  # The request keeps it: a refusal quotes its beginning.
    if not body and request.method in ("GET", "HEAD", "OPTIONS"):
        raise MethodNotAllowed(
            ["POST"],
            "this address is for DIUN: set notif.webhook.endpoint (DIUN_NOTIF_WEBHOOK_ENDPOINT) to it "
            "and notif.webhook.method to POST",
        )
    receipt = spool().take(body)
    return {"status": "stored", "update": receipt.update} if receipt.stored else ({"status": "kept"}, 202)


def _knows_secret() -> bool:
    accepted = secret().accepted()
    if not accepted:
        return True
    sent = request.headers.get("Authorization", "").strip()
    scheme, _, token = sent.partition(" ")
    return any(
        hmac.compare_digest(candidate.encode("latin-1", "replace"), good.encode())
        for candidate in (sent, token.strip() if scheme.lower() == "bearer" else sent)
        for good in accepted
    )
