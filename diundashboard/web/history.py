"""The history page: everything that came, also what is long done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Gone

from diundashboard.image import Kind, Reference, parse
from diundashboard.limits import VIEW
from diundashboard.model import Choice, HistoryQuery, Invalid
from diundashboard.text import storable
from diundashboard.web.context import store
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import name_or_none, number, one_of, written
from diundashboard.web.shown import start

blueprint = Blueprint("history", __name__, url_prefix="/history")

_EXCERPT = 1900
"""How many bytes of the page a payload may take: a body can have a megabyte, and a page has fifty of them."""

_READABLE = 16 * 1024
"""The largest body, in bytes, that is set in lines before it is shortened."""


@blueprint.get("")
@fresh
def index() -> ResponseReturnValue:
    """One page of notifications, newest first."""
    query = _query(request.args)
    found = store().notifications(replace(query, limit=query.limit + 1))
    return render_template(
        "history.html",
        query=query,
        received=found[: query.limit],
        more=len(found) > query.limit,
        hosts=[Choice(host.hostname, host.name, host.notifications) for host in store().hosts()],
        kinds=list(Kind),
        link=lambda **changes: _link(query, **changes),
    )


@blueprint.get("/<int:notification_id>")
def sent(notification_id: int) -> ResponseReturnValue:
    """The body of one notification, byte for byte."""
    payload = store().received(notification_id).payload
    if not payload:
        raise Gone("the history keeps no body of this notification any more: it is older than RETENTION_DAYS")
    return Response(payload, mimetype="application/json")


def _query(values: Mapping[str, str]) -> HistoryQuery:
    query = HistoryQuery(
        search=values.get("q", ""),
        host=name_or_none(values, "host"),
        kind=one_of(Kind, values, "kind", Kind.NEW) if values.get("kind") else None,
        before=number(values, "before", 0) or None,
    )
    if len(_link(query)) > VIEW:
        raise Invalid("the search and the filters are too long")
    return query


def _link(query: HistoryQuery, **changes: str | int | None) -> str:
    """The address of a query with some things changed, on its first page unless `before` says otherwise."""
    values: dict[str, Any] = {"q": query.search, "host": query.host, "kind": query.kind, **changes}
    values["host"] = written(values["host"])
    text = urlencode({name: value for name, value in values.items() if value})
    return url_for("history.index") + (f"?{text}" if text else "")


@blueprint.app_template_filter()
def reference(image: str) -> Reference:
    """The parts of an image's name."""
    return parse(image)


@blueprint.app_template_filter()
def excerpt(body: bytes) -> tuple[str, bool]:
    """A request's body in lines, as much of it as a list can show, and whether that is all."""
    text = _lines(body) if len(body) <= _READABLE else body[:_READABLE].decode(errors="replace")
    shown = start(text, _EXCERPT)
    return shown, len(shown) == len(text)


def _lines(body: bytes) -> str:
    """The body in lines, only as far as an excerpt goes: a line of nested JSON can begin with thousands of spaces."""
    text = body.decode(errors="replace")
    lines, length = [], 0
    try:
        for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text)):
            lines.append(part)
            length += len(part)
            if length > _EXCERPT:
                break
    except (ValueError, RecursionError):
        return text
    return storable("".join(lines))
