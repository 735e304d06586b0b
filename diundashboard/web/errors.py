"""Turns every error into an answer: JSON for programs, a page for people."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadHost, HTTPException, RequestEntityTooLarge

from diundashboard.model import Invalid
from diundashboard.notification import BODY_LIMIT, Refused
from diundashboard.store import Conflict, NotFound, Unavailable
from diundashboard.web import ping
from diundashboard.web.context import PROGRAMS, access, lost_diun, same_page, webhook_address
from diundashboard.web.gate import reason_of
from diundashboard.web.reading import stood_on

logger = logging.getLogger("diundashboard")

_STATUS = {Invalid: 400, Refused: 400, NotFound: 404, Conflict: 409}

_WORDS = {
    400: "the request could not be understood",
    404: "there is nothing at this address",
    405: "this address does not support this method",
}
"""These replace the messages of werkzeug, which are about URLs and proxies."""


def register(app: Flask) -> None:
    """Answer the errors of the application."""
    for error, status in _STATUS.items():
        app.register_error_handler(error, lambda error, status=status: _answer(status, str(error)))
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _unavailable(error: Unavailable) -> Response:
    if access().failed(error):
        logger.error("%s", error)
    return _answer(503, reason_of(error))


def _answer(status: int, message: str) -> Response:
    bad_host = isinstance(request.routing_exception, BadHost)
    if not bad_host and lost_diun():
        message = (
            f"DIUN's notifications go to {webhook_address()}: "
            "set notif.webhook.endpoint (DIUN_NOTIF_WEBHOOK_ENDPOINT) to it"
        )
        answer = jsonify(error=message)
    elif bad_host or request.path.startswith(PROGRAMS):
        answer = jsonify(error=message)
    else:
        back = _way_back() if request.method == "POST" else ""
        answer = make_response(render_template("error.html", status=status, message=message, back=back))
    answer.status_code = status
    return answer


def _way_back() -> str:
    """The page that a form was on. Forms of actions name it, as another page may have asked in between."""
    if request.blueprint != "act":
        return same_page()
    try:
        return stood_on()
    except (Invalid, RequestEntityTooLarge):
        return ""


def _too_large(error: RequestEntityTooLarge) -> Response:
    limit = f"{ping.BODY_LIMIT:,} bytes" if request.blueprint == "ping" else f"{BODY_LIMIT // 2**20} MiB"
    return _answer(413, f"the request is too large (limit {limit})")


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    own = error.description != type(error).description
    answer = _answer(error.code, error.description if own and error.description else _WORDS.get(error.code, error.name))
    for name, value in error.get_headers():
        if name != "Content-Type":
            answer.headers[name] = value
    return answer


def _unexpected(error: Exception) -> Response:
    # The address of a ping contains the secret.
    place = request.url_rule if request.blueprint == "ping" else request.path
    logger.exception("unexpected error at %s %s", request.method, place)
    return _answer(500, "something unexpected happened; the log of the dashboard says what")
