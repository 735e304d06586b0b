"""How things look on a page: words, ages, links that are safe, and the theme that a person chose."""

from __future__ import annotations

import zlib
from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.model import Invalid, Update, now
from diundashboard.web.context import host

blueprint = Blueprint("appearance", __name__)

THEMES = ("auto", "light", "dark")
_YEAR = 365 * 24 * 3600
_HUES = 12


@blueprint.post("/theme")
def choose_theme() -> ResponseReturnValue:
    """Keep the theme in a cookie, so that the next page comes in it."""
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        raise Invalid(f"theme must be one of {', '.join(THEMES)}")
    response = redirect(_same_page(), 303)
    response.set_cookie("theme", theme, max_age=_YEAR, samesite="Lax", httponly=True)
    return response


def _same_page() -> str:
    """The page that the form stood on, as a path of this site."""
    site, _, path = request.headers.get("Referer", "").partition("://")[2].partition("/")
    if site != host() or path.startswith(("/", "\\")):
        return url_for("updates.index")
    return f"/{path}"


@blueprint.app_template_global()
def theme() -> str:
    """The theme that the person chose, or auto."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


@blueprint.app_template_filter()
def age(time: datetime) -> str:
    """How long ago, in the words of a person: `now`, `5 min`, `2 h`, `yesterday`, `34 d`, `3 y`."""
    seconds = max(0, int((now() - time).total_seconds()))
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 24 * 3600:
        return f"{seconds // 3600} h"
    days = seconds // (24 * 3600)
    if days == 1:
        return "yesterday"
    return f"{days} d" if days < 2 * 365 else f"{days // 365} y"


@blueprint.app_template_filter()
def iso(time: datetime) -> str:
    """For the datetime attribute of a <time>."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


@blueprint.app_template_filter()
def exact(time: datetime) -> str:
    """The time in full, for a page without JavaScript, which does not know the viewer's zone."""
    return f"{time.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


@blueprint.app_template_filter()
def web_link(link: str) -> str:
    """The link if it leads to the web, otherwise nothing: it comes from outside, and `javascript:` is code."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in ("http", "https") and parts.netloc else ""


@blueprint.app_template_filter()
def short_digest(digest: str) -> str:
    """The first twelve hex digits of a digest."""
    return digest.partition(":")[2][:12] or digest[:12]


@blueprint.app_template_filter()
def short_name(update: Update) -> str:
    """What a person calls the image: the last part of its repository."""
    return update.repository.rpartition("/")[2] or update.image


@blueprint.app_template_filter()
def long_name(update: Update) -> str:
    """What identifies the repository; docker.io and its library/ go without saying."""
    if update.registry == "docker.io":
        return update.repository.removeprefix("library/")
    return f"{update.registry}/{update.repository}"


@blueprint.app_template_filter()
def hue(text: str) -> int:
    """One of twelve colours for a name, always the same."""
    return zlib.crc32(text.encode()) % _HUES
