"""A page that is asked for again and again costs little while nothing has changed: 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import make_response, request
from flask.typing import ResponseReturnValue

from diundashboard.web.appearance import kept, theme
from diundashboard.web.assets import asset
from diundashboard.web.context import store
from diundashboard.web.gate import someone

Asked = ParamSpec("Asked")


def fresh(view: Callable[Asked, ResponseReturnValue]) -> Callable[Asked, ResponseReturnValue]:
    """Answer 304 to a browser that has the page as it would be rendered now."""

    @wraps(view)
    def answer(*asked: Asked.args, **by_name: Asked.kwargs) -> ResponseReturnValue:
        state = (store().stamp(), str(someone()), theme(), str(kept()), asset("style.css"), asset("page.js"))
        parts = (*state, request.full_path, request.host)
        tag = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        response = (
            make_response("", 304)
            if request.if_none_match.contains_weak(tag)
            else make_response(view(*asked, **by_name))
        )
        response.set_etag(tag)
        return response

    return answer
