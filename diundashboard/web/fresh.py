"""A page that is asked for again and again costs little while nothing has changed: 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from diundashboard.web.appearance import kept, root, theme
from diundashboard.web.assets import fingerprint
from diundashboard.web.context import store
from diundashboard.web.gate import someone

Asked = ParamSpec("Asked")


def fresh(view: Callable[Asked, ResponseReturnValue]) -> Callable[Asked, ResponseReturnValue]:
    """Answer 304 to a browser that has the page as it would be rendered now."""

    @wraps(view)
    def answer(*asked: Asked.args, **by_name: Asked.kwargs) -> ResponseReturnValue:
        person = someone()
        shown_to = (person.name, person.level) if person else ()
        state = (store().stamp(), *shown_to, theme(), *map(str, kept()), fingerprint(), root())
        parts = (*state, request.full_path, request.host)
        tag = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        known = request.if_none_match.contains_weak(tag)
        response = Response(status=304) if known else make_response(view(*asked, **by_name))
        # Weak, as the same page is sent both compressed and plain.
        response.headers["ETag"] = f'W/"{tag}"'
        return response

    return answer
