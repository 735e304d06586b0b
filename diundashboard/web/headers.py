"""The headers of every answer: no cache keeps it, and no other site may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

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

_WEBHOOK = ("/webhook", "/webhook/")

_UNUSED = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi"),
    *("payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)

_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in _UNUSED)),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_UNCHANGED = [("Cache-Control", "no-store"), ("Vary", "Cookie, Authorization, Accept-Encoding")]
"""For a 304: it has no content to protect, and RFC 9110 (15.4.5) asks for no others. gunicorn checks each header,
so the full list takes noticeable time."""

_NOT_KEPT = [*_ALWAYS, *_UNCHANGED]
_STORED = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
"""For DIUN, when its notification is stored: a short list, for the same reason."""

_OVER_HTTPS = [("Strict-Transport-Security", "max-age=31536000")]


def restrict_page(response: Response) -> Response:
    """Limit what a page may load: nothing from other origins, and no script or style inside it."""
    if response.status_code != 304 and response.headers["Content-Type"].startswith("text/html"):
        response.headers["Content-Security-Policy"] = _POLICY
    return response


def with_headers(application: WSGIApplication) -> WSGIApplication:
    """Add the headers of every answer. An answer with its own Cache-Control, such as an asset, keeps it."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            if status.startswith("304"):
                headers += _UNCHANGED
            elif status.startswith("2") and environ["PATH_INFO"] in _WEBHOOK:
                headers += _STORED
            else:
                kept = any(name == "Cache-Control" for name, _ in headers)
                headers += _ALWAYS if kept else _NOT_KEPT
            if environ["wsgi.url_scheme"] == "https":
                headers += _OVER_HTTPS
            return start_response(status, headers, exc_info)

        return application(environ, start)

    return answer
