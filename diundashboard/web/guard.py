"""What is true of every request: no orders from other sites, no endless body, headers that keep a page to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge

from diundashboard.notification import BODY_LIMIT
from diundashboard.web.context import host, lost_diun

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def register(app: Flask) -> None:
    """Guard every request and answer of the application."""
    app.before_request(_turn_diun_around)
    app.before_request(_refuse_other_sites)
    app.before_request(_read_chunks)
    app.after_request(_add_headers)
    app.wsgi_app = _never_guessed(app.wsgi_app)  # type: ignore[assignment,method-assign]


def _turn_diun_around() -> None:
    """DIUN would take a page for a welcome, and never learn that it was not heard."""
    if lost_diun():
        abort(404)


def _refuse_other_sites() -> None:
    """A browser says where a form came from; a program, as DIUN is one, sends neither header."""
    origin, site = request.environ.get("HTTP_ORIGIN"), request.environ.get("HTTP_SEC_FETCH_SITE")
    if not (origin or site) or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    same = site in ("same-origin", "none") if site else origin and origin.partition("://")[2] == host()
    if not same:
        abort(403, "this request comes from another site's page, and was not carried out")


def _read_chunks() -> None:
    """Read a body that tells no length. werkzeug would cut it off at the limit in silence."""
    if not request.environ.get("CONTENT_LENGTH"):
        request.max_content_length = BODY_LIMIT + 1
        try:
            body = request.get_data()
        except Exception:  # The server's own, of any type, for chunks that are none.
            abort(400, "the body could not be read")
        if len(body) > BODY_LIMIT:
            raise RequestEntityTooLarge


def _never_guessed(application: WSGIApplication) -> WSGIApplication:
    """Tell browsers to take each answer for what it says it is."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            headers.append(("X-Content-Type-Options", "nosniff"))
            return start_response(status, headers, exc_info)

        return application(environ, start)

    return answer


def _add_headers(response: Response) -> Response:
    if response.headers["Content-Type"].startswith("text/html"):
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
    return response
