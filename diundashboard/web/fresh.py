"""Answers 304 while a page has not changed, so that asking for it repeatedly costs little."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, g, make_response, request
from flask.typing import ResponseReturnValue

from diundashboard.web.appearance import kept, root, theme
from diundashboard.web.assets import fingerprint
from diundashboard.web.context import store
from diundashboard.web.gate import someone
from diundashboard.web.said import waits

Asked = ParamSpec("Asked")


def fresh(
    view: Callable[Asked, ResponseReturnValue], also: Callable[[], object] = str
) -> Callable[Asked, ResponseReturnValue]:
    """Answer 304 to a browser that already has the page as it would be rendered now.

    `also` returns what the page shows in addition to what the store's stamp covers.
    """

    @wraps(view)
    def answer(*asked: Asked.args, **by_name: Asked.kwargs) -> ResponseReturnValue:
        person = someone()
        shown_to = (person.name, person.level) if person else ()
        state = (store().stamp(), *shown_to, theme(), *map(str, kept()), fingerprint(), root(), str(also()))
        parts = (*state, request.full_path, request.host)
        tag = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        g.tag = f'W/"{tag}"'  # Weak, as the same page is sent both compressed and plain.
        known = request.if_none_match.contains_weak(tag) and not waits()
        response = Response(status=304) if known else make_response(view(*asked, **by_name))
        response.headers["ETag"] = g.tag
        return response

    return answer
