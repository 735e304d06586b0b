"""A page that is asked for again and again costs little while nothing has changed: 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps

from flask import g, make_response, request
from flask.typing import ResponseReturnValue

from diundashboard.web.appearance import kept, theme
from diundashboard.web.assets import asset
from diundashboard.web.context import store
from diundashboard.web.gate import someone

View = Callable[[], ResponseReturnValue]


def fresh(view: View, also: Callable[[], object] = str) -> View:
    """Answer 304 to a browser that has the page as it would be rendered now, which asks for it again by itself.

    `also` says what the page shows beside what the store's stamp covers.
    """

    @wraps(view)
    def answer() -> ResponseReturnValue:
        state = (store().stamp(), str(someone()), theme(), str(kept()), asset("style.css"), asset("page.js"))
        parts = (*state, str(also()), request.full_path, request.host)
        tag = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        g.tag = tag
        response = make_response("", 304) if request.if_none_match.contains_weak(tag) else make_response(view())
        response.set_etag(tag)
        return response

    return answer
