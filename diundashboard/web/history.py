"""The history page: what DIUN sent and what people did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import merge
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Gone

from diundashboard.image import Kind, Reference, parse
from diundashboard.limits import ITEMS, VIEW
from diundashboard.model import Action, Choice, HistoryQuery, Invalid, Received
from diundashboard.text import storable
from diundashboard.web.context import store
from diundashboard.web.deeds import did
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import name_or_none, number, one_of, written
from diundashboard.web.shown import start

blueprint = Blueprint("history", __name__, url_prefix="/history")

_EXCERPT = 1900
"""How many bytes of the page a payload may take: a body can have a megabyte, and a page has fifty of them."""

_READABLE = 16 * 1024
"""The largest body, in bytes, that is set in lines before it is shortened."""


class What(StrEnum):
    """What the page lists."""

    ALL = "all"
    NOTIFICATIONS = "notifications"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is asked for. `received` and `acted` are the ids before which a page begins, None for the newest.

    Each of the two lists has its own id, as notifications can be stored long after they arrive.
    """

    what: What
    search: str
    host: str | None
    kind: Kind | None
    received: int | None
    acted: int | None

    def of(self, before: int | None) -> HistoryQuery:
        """The query for one of the lists, for a row more than the page shows: there is an older page if it is found."""
        kind = None if self.kind is None else self.kind.value
        return HistoryQuery(search=self.search, host=self.host, kind=kind, before=before, limit=ITEMS + 1)


@blueprint.get("")
@fresh
def index() -> ResponseReturnValue:
    """One page of notifications and actions, newest first. Only notifications are of a kind."""
    asked = _asked(request.args)
    people, notifications = asked.what != What.NOTIFICATIONS and not asked.kind, asked.what != What.PEOPLE
    received = store().notifications(asked.of(asked.received)) if notifications else ()
    actions = store().actions(asked.of(asked.acted)) if people else ()
    lists: list[tuple[Received | Action, ...]] = [received, actions]
    found = list(merge(*lists, key=_time, reverse=True))
    return render_template(
        "history.html",
        asked=asked,
        found=found[:ITEMS],
        older=_link(asked, before=_before(asked, found[:ITEMS])) if len(found) > ITEMS else None,
        view=_link(asked, before=_before(asked, [])).partition("?")[2],
        hosts=[Choice(host.hostname, host.name, host.notifications) for host in store().hosts()],
        kinds=list(Kind),
        link=lambda **changes: _link(asked, **changes),
        did=did(request.args),
    )


def page(view: str) -> str:
    """The address of the page with this query string."""
    asked = _asked(dict(parse_qsl(view)))
    return _link(asked, before=_before(asked, []))


@blueprint.get("/<int:notification_id>")
def sent(notification_id: int) -> ResponseReturnValue:
    """The body of one notification, byte for byte."""
    payload = store().received(notification_id).payload
    if not payload:
        raise Gone("the body of this notification was removed: it is older than RETENTION_DAYS")
    return Response(payload, mimetype="application/json")


def _asked(values: Mapping[str, str]) -> Asked:
    received, _, acted = values.get("before", "").partition("-")
    ids = {"before": received, "after": acted}
    asked = Asked(
        what=one_of(What, values, "what", What.ALL),
        search=values.get("q", ""),
        host=name_or_none(values, "host"),
        kind=one_of(Kind, values, "kind", Kind.NEW) if values.get("kind") else None,
        received=number(ids, "before", 0) or None,
        acted=number(ids, "after", 0) or None,
    )
    if len(_link(asked)) > VIEW:
        raise Invalid("the search and the filters are too long")
    return asked


def _time(each: Received | Action) -> datetime:
    return each.at if isinstance(each, Action) else each.received_at


def _before(asked: Asked, shown: list[Received | Action]) -> str | None:
    """Where the page after these rows begins: an id of each list."""
    received, acted = asked.received, asked.acted
    for each in shown:
        if isinstance(each, Action):
            acted = each.id
        else:
            received = each.id
    return f"{received or ''}-{acted or ''}".removesuffix("-") or None


def _link(asked: Asked, **changes: str | None) -> str:
    """The address of the page with some things changed. It begins with the newest unless `before` says otherwise."""
    values: dict[str, Any] = {"q": asked.search, "host": asked.host, "kind": asked.kind, "what": asked.what, **changes}
    values["host"] = written(values["host"])
    text = urlencode({name: value for name, value in values.items() if value and value != What.ALL})
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
