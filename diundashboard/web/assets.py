"""The stylesheet, the scripts and the icons, in a folder named after their content, which browsers keep for a year."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib import resources

from flask import Blueprint, Response, abort, request

from diundashboard.web.compression import takes_gzip

blueprint = Blueprint("assets", __name__)


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Each file's path and content, by its name. All share one folder, so that scripts can import each other."""
    folder = resources.files("diundashboard.web") / "static"
    contents = {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=lambda file: file.name)}
    version = hashlib.sha256(b"".join(contents.values())).hexdigest()[:12]
    return {name: (f"{version}/{name}", content) for name, content in contents.items()}


@cache
def fingerprint() -> str:
    """A text that changes whenever a static file does."""
    path, _ = _files()["page.js"]
    return path.partition("/")[0]


@blueprint.app_template_global()
def asset(name: str) -> str:
    """The address of a static file. A row asks for many: `url_for` would take longer than the rest of it."""
    return f"{request.script_root}/static/{_files()[name][0]}"


@blueprint.app_template_global()
def scripts() -> list[str]:
    """The addresses of all scripts, which a browser then fetches in parallel."""
    return [asset(name) for name in _files() if name.endswith(".js")]


@blueprint.get("/static/<path:name>")
def static(name: str) -> Response:
    """A static file by its path."""
    content = dict(_files().values()).get(name)
    if content is None:
        abort(404)
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if takes_gzip():
        return Response(_compressed(content), mimetype=mimetype, headers={**headers, "Content-Encoding": "gzip"})
    return Response(content, mimetype=mimetype, headers=headers)


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The icon where a browser looks for it unasked."""
    return Response(_files()["icon.svg"][1], mimetype="image/svg+xml")


@blueprint.get("/icon/<int:pending>.svg")
def counting_icon(pending: int) -> Response:
    """The icon with the number of what waits, for the browser's tab."""
    words = "99+" if pending > 99 else str(pending)
    badge = (
        '<circle cx="22" cy="22" r="10" fill="#b3261e"/><text x="22" y="26" font-family="sans-serif" font-size="'
        f'{11 if len(words) < 3 else 8}" font-weight="bold" text-anchor="middle" fill="#fff">{words}</text></svg>'
    )
    icon = _files()["icon.svg"][1].decode().strip().removesuffix("</svg>") + badge
    return Response(icon, mimetype="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
