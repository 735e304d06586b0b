"""Remembers what the webhook refused: DIUN will not say it again, and shows its own log to nobody."""

from __future__ import annotations

import json
import logging
from collections import deque
from contextlib import suppress
from time import monotonic

from flask import Flask, Response, request

from diundashboard.clock import now
from diundashboard.model import Refusal
from diundashboard.web.context import lost_diun, person, settings, store

logger = logging.getLogger("diundashboard")

EXCERPT = 200
"""How many characters of a refused body are kept."""

_REASON = 500
"""How many characters of a reason are kept, which can name the address that a client called."""

_STATUSES = (400, 401, 404, 405, 413)
_PATHS = ("/webhook", "/webhook/")
_A_MINUTE = 30
"""How many refusals one process remembers within 60 seconds, so that a flood of them cannot wear out the database."""

_READ = 16 * 1024
"""How many bytes are read of a body that nobody has read yet."""


def register(app: Flask) -> None:
    """Remember the refusals of this application."""
    remembered: deque[float] = deque(maxlen=_A_MINUTE)

    @app.after_request
    def remember(response: Response) -> Response:
        if response.status_code in _STATUSES and (request.path in _PATHS or lost_diun()):
            moment = monotonic()
            if len(remembered) < _A_MINUTE or moment - remembered[0] > 60:
                remembered.append(moment)
                _keep(response)
        return response


def _keep(response: Response) -> None:
    """The answer to DIUN stands, whatever the database says."""
    reason = (response.get_json(silent=True) or {}).get("error", "")
    try:
        store().refuse(Refusal(now(), person(), response.status_code, reason[:_REASON], _excerpt()))
    except Exception as error:
        logger.error("a refused request could not be remembered: %s", error)


def _excerpt() -> str:
    """How the body began, without the secret, which a person may have put there by mistake."""
    body = b""
    with suppress(Exception):  # The server's own, of any type, for a client that is gone.
        if (request.content_length or 0) > (request.max_content_length or 0):
            body = request.environ["wsgi.input"].read(_READ)
        else:
            body = request.get_data()
    text, secret = body[:_READ].decode(errors="replace"), settings().webhook_secret
    if secret:
        for form in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(form, "•••")
    return text[:EXCERPT]
