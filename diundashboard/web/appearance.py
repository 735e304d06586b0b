"""How things look on a page: words, ages, links that are safe, and the theme that a person chose."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.image import Reference
from diundashboard.model import FILTERS, Group, Invalid, Totals, Update, UpdateQuery
from diundashboard.web.context import cookie, same_page, secret, spool, store
from diundashboard.web.reading import address, update_address, view_of, written
from diundashboard.web.shown import cut
from diundashboard.web.why import why

blueprint = Blueprint("appearance", __name__)
blueprint.add_app_template_global(address)
blueprint.add_app_template_global(update_address)
blueprint.add_app_template_filter(written)
blueprint.add_app_template_filter(why)

THEMES = ("auto", "light", "dark")
_YEAR = 365 * 24 * 3600
_HUES = 12
_LONG = 60
"""Seconds after which a page says that a notification waits."""


@blueprint.post("/theme")
def choose_theme() -> ResponseReturnValue:
    """Keep the theme in a cookie, so that the next page comes in it."""
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        raise Invalid(f"theme must be one of {', '.join(THEMES)}")
    response = redirect(same_page(), 303)
    response.set_cookie("theme", theme, max_age=_YEAR, samesite="Lax", httponly=True)
    return response


@blueprint.app_template_global()
def root() -> str:
    """The prefix of every path of this site: the one that a proxy adds, or empty."""
    return request.script_root


@blueprint.app_template_global()
def theme() -> str:
    """The theme that the person chose, or auto."""
    chosen = cookie("theme")
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
def lasting(time: timedelta) -> str:
    """How long something takes, at least a second: `40 s`, `5 min`, `6 h`, `3 d`."""
    seconds = max(1, round(time.total_seconds()))
    for unit, length in (("d", 24 * 3600), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{seconds} s"


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
def place(link: str) -> str:
    """Where a link leads, as people call it."""
    name = urlsplit(link).netloc
    return "Docker Hub" if name == "hub.docker.com" else cut(name, 40)


@blueprint.app_template_filter()
def short_digest(digest: str) -> str:
    """The first twelve hex digits of a digest."""
    return digest.partition(":")[2][:12] or digest[:12]


@blueprint.app_template_filter()
def short_name(update: Update | Reference) -> str:
    """What a person calls the image: the last part of its repository."""
    return update.repository.rpartition("/")[2] or update.image


@blueprint.app_template_filter()
def long_name(update: Update | Reference) -> str:
    """What identifies the repository, without docker.io and its library/."""
    if update.registry == "docker.io":
        return update.repository.removeprefix("library/")
    return f"{update.registry}/{update.repository}"


@blueprint.app_template_filter()
def hue(text: str) -> int:
    """One of twelve colours for a name, always the same."""
    return zlib.crc32(text.encode()) % _HUES


@blueprint.app_template_filter()
def day(time: datetime) -> str:
    """The day of a time, for a page without JavaScript."""
    return time.date().isoformat()


@blueprint.app_template_filter()
def days_ahead(days: int) -> str:
    """The day that is so many days away, in UTC: `Sun 22 Nov`. A page with JavaScript shows it in the viewer's zone."""
    then = now() + timedelta(days=days)
    return f"{then:%a} {then.day} {then:%b}"


@blueprint.app_template_filter()
def version_change(update: Update) -> tuple[str, str, str]:
    """The version in three parts: what changes, and what it shares with the one that runs before and behind that.

    It is cut at separators: the first two parts end with one, the last begins with one.
    """
    before, version = update.from_version, update.version
    start = max(version.rfind(mark, 0, _alike(before, version)) for mark in ".-_+") + 1
    behind = _alike(before[start:][::-1], version[start:][::-1])
    end = min((at for mark in "-_+" if (at := version.find(mark, len(version) - behind)) >= 0), default=len(version))
    return version[:start], version[start:end], version[end:]


def _alike(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@blueprint.app_template_filter()
def grouped(updates: Sequence[Update], group: Group) -> list[tuple[str | None, list[Update]]]:
    """The rows of a page, which come in this order, under the headings of their groups."""
    found = [list(rows) for _, rows in groupby(updates, lambda update: update.in_group(group))]
    return [(_heading(rows[0], group), rows) for rows in found]


def _heading(update: Update, group: Group) -> str | None:
    match group:
        case Group.TAG:
            return update.tag.name if update.tag else "no tag"
        case Group.HOST:
            return update.host or "unnamed host"
        case Group.STACK:
            return update.stack or "no stack"
        case Group.REGISTRY:
            return update.registry
    return None


@blueprint.app_template_global()
def link_fields(query: UpdateQuery) -> list[tuple[str, str]]:
    """What the form of the search and the filters has no field for, as hidden fields of it."""
    shown: dict[str, Any] = {name: () for name in FILTERS if name != "stack"}
    return parse_qsl(view_of(query, search="", age=None, fold=True, until=None, **shown).removeprefix("?"))


@blueprint.app_template_global()
def kept() -> tuple[int, int]:
    """The warnings of every page: how many notifications wait on disk, if one has for long, and how many failed."""
    state = spool().state()
    return (state.waiting if (state.oldest_waiting_s or 0) > _LONG else 0), state.failed


@blueprint.app_template_global()
def secret_is_missing() -> bool:
    """Whether anybody may send notifications, although no setting allows it."""
    return secret().is_missing()


@blueprint.app_template_global()
def rooms(counted: bool) -> list[tuple[str, str, int]]:
    """The pages of the navigation: endpoint, name, and a count, 0 for none. An error page reads no counts."""
    totals = store().totals() if counted else Totals(0, 0)
    return [
        ("updates.index", "Updates", totals.pending),
        ("hosts.index", "Hosts", totals.hosts),
        ("history.index", "History", 0),
        ("insights.index", "Insights", 0),
        ("tags.index", "Tags", 0),
        ("connect.index", "Connect", 0),
    ]
