"""A page that is asked for again and again costs little while nothing has changed: 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from diundashboard.web.appearance import kept, root, theme
from diundashboard.web.assets import fingerprint
from diundashboard.web.context import store
from diundashboard.web.gate import someone


def fresh(view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    """Answer 304 to a browser that has the page as it would be rendered now."""

    @wraps(view)
    def answer() -> ResponseReturnValue:
        person = someone()
        shown_to = (person.name, person.level) if person else ()
        state = (store().stamp(), *shown_to, theme(), *map(str, kept()), fingerprint(), root())
        parts = (*state, request.full_path, request.host)
        tag = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        response = Response(status=304) if request.if_none_match.contains_weak(tag) else make_response(view())
        # Weak, as the same page is sent both compressed and plain.
        response.headers["ETag"] = f'W/"{tag}"'
        return response

    return answer
