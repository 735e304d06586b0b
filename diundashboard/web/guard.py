"""Checks on every request: its host name, whether another site sent it, and the size of its body."""

from __future__ import annotations

from flask import Flask, abort, request
from werkzeug.exceptions import RequestEntityTooLarge

from diundashboard.config import AuthMode
from diundashboard.notification import BODY_LIMIT
from diundashboard.web.context import SESSION_COOKIE, lost_diun, origins, settings
from diundashboard.web.headers import restrict_page, with_headers
from diundashboard.web.names import refuse_foreign_names

_SAFE = ("GET", "HEAD", "OPTIONS")
"""The methods that change nothing, except at the webhook."""


def register(app: Flask) -> None:
    """Guard every request and answer of the application."""
    app.before_request(_turn_diun_around)
    app.before_request(refuse_foreign_names)
    app.before_request(_refuse_other_sites)
    app.before_request(_read_chunks)
    app.after_request(restrict_page)
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[assignment,method-assign]


def _turn_diun_around() -> None:
    """Refuse DIUN at a wrong address. It would take a page for a success."""
    if lost_diun():
        abort(404)


def says_other_site() -> bool:
    """Whether a browser says that this request comes from another site's page."""
    origin, site = request.environ.get("HTTP_ORIGIN"), request.environ.get("HTTP_SEC_FETCH_SITE")
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and origin not in origins()


def _refuse_other_sites() -> None:
    """Refuse what a page of another site sends. A browser names the site; a program such as DIUN has no session.

    A page of another site cannot send a token in `Bearer`, because the browser would ask the dashboard first. It can
    send `Basic`, with the password that the browser remembers.
    """
    environ = request.environ
    webhook = request.endpoint == "webhook.receive"
    if request.method in _SAFE and not (webhook and _has_body()):
        return
    session = ("HTTP_COOKIE" in environ and SESSION_COOKIE in request.cookies) or (not webhook and _named_by_proxy())
    if not session and not webhook and environ.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer ":
        return
    if says_other_site():
        abort(403, f"this request was refused, because it comes from a page of another site{_advice()}")
    if session and not ("HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ):
        abort(403, "this request was refused, because it does not say which page it comes from")


def _named_by_proxy() -> bool:
    """Whether a proxy has logged this person in: the browser has a session there, which any page can use."""
    config = settings()
    return (
        config.auth_mode == AuthMode.PROXY
        and request.blueprint != "ping"
        and config.auth_proxy_header in request.headers
    )


def _has_body() -> bool:
    return request.environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in request.environ


def _advice() -> str:
    """The next step if a proxy uses HTTPS with the browser, but does not pass that on."""
    if request.scheme == "http" and any(
        request.environ.get("HTTP_ORIGIN") == origin.replace("http://", "https://", 1) for origin in origins()
    ):
        return "; behind a proxy, set PUBLIC_URL or TRUSTED_PROXIES"
    return ""


def _read_chunks() -> None:
    """Read a body without a length, which werkzeug would silently cut off at the limit."""
    if "HTTP_TRANSFER_ENCODING" in request.environ and not request.environ.get("CONTENT_LENGTH"):
        request.max_content_length = BODY_LIMIT + 1
        try:
            body = request.get_data()
        except Exception:  # Invalid chunks raise an error of the server, of any type.
            abort(400, "the body could not be read")
        if len(body) > BODY_LIMIT:
            raise RequestEntityTooLarge
