"""The door for DIUN's notifications. It has one chance to take each of them."""

from __future__ import annotations

import hmac

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import MethodNotAllowed, Unauthorized

from diundashboard.notification import parse
from diundashboard.web.context import settings, store

blueprint = Blueprint("webhook", __name__)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@blueprint.route("/webhook", methods=_METHODS)
@blueprint.route("/webhook/", methods=_METHODS)
def receive() -> ResponseReturnValue:
    """Store one notification. DIUN sends a GET with a body unless it is told another method."""
    if not _knows_secret():
        raise Unauthorized(
            "the Authorization header does not carry the secret that WEBHOOK_SECRET sets",
            www_authenticate=WWWAuthenticate("Bearer"),
        )
    body = request.get_data(cache=False)
    if request.method == "GET" and not body:
        raise MethodNotAllowed(
            ["POST"],
            "this address is for DIUN: set notif.webhook.endpoint (DIUN_NOTIF_WEBHOOK_ENDPOINT) to it "
            "and notif.webhook.method to POST",
        )
    return {"status": "stored", "update": store().record(parse(body))}


def _knows_secret() -> bool:
    secret = settings().webhook_secret
    if not secret:
        return True
    sent = request.headers.get("Authorization", "").strip()
    scheme, _, token = sent.partition(" ")
    return any(
        hmac.compare_digest(candidate.encode("latin-1", "replace"), secret.encode())
        for candidate in (sent, token.strip() if scheme.lower() == "bearer" else sent)
    )
