"""Compresses pages and data for clients that accept gzip.

This is the standard library's gzip. Flask-Compress would bring Brotli and Zstandard, two compiled packages, for a page
that is a tenth smaller, and would compress secrets too unless each view that shows one opts out.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

_TYPES = ("text/html", "application/json")
_SMALLEST = 1024
"""Bytes; less than this fits into one packet anyway."""

_LEVEL = 5
"""Level 6 takes a quarter more time, and saves 2 %."""


def register(app: Flask) -> None:
    """Compress the answers of this application."""
    app.after_request(_compress)


def takes_gzip() -> bool:
    """Whether the client accepts gzip."""
    return "HTTP_ACCEPT_ENCODING" in request.environ and request.accept_encodings["gzip"] > 0


def _compress(response: Response) -> Response:
    """Compress the answer to a GET.

    The answer to a form stays as it is. It is the only page that shows a secret (the webhook's, or a new token): the
    length of a compressed page that also holds text of a stranger's choice gives the secret away bit by bit (BREACH).
    No page holds a password, the code of a setup link or the key of a session.
    """
    if (
        response.status_code == 200
        and request.method in ("GET", "HEAD")
        and response.mimetype in _TYPES
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
        and takes_gzip()
        and len(plain := response.get_data()) >= _SMALLEST
    ):
        response.set_data(gzip.compress(plain, _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
