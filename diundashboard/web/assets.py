"""The stylesheet, the module and the icons, each under a fingerprinted name, to be kept for a year."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from importlib import resources

from flask import Blueprint, Response, abort, url_for

blueprint = Blueprint("assets", __name__)


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Each file's fingerprinted name and content, by its plain name."""
    found = {}
    for file in (resources.files("diundashboard.web") / "static").iterdir():
        content = file.read_bytes()
        stem, _, suffix = file.name.rpartition(".")
        found[file.name] = (f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}", content)
    return found


@blueprint.app_template_global()
def asset(name: str) -> str:
    """The address of a static file."""
    return url_for("assets.static", name=_files()[name][0])


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    """A static file by its fingerprinted name."""
    content = dict(_files().values()).get(name)
    if content is None:
        abort(404)
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, mimetype=mimetype, headers={"Cache-Control": "public, max-age=31536000, immutable"})


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The icon where a browser looks for it unasked."""
    return Response(_files()["icon.svg"][1], mimetype="image/svg+xml")
