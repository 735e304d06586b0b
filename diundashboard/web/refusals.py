"""Remembers what the webhook and the pings refused: DIUN does not send it again, and few people read its log."""

from __future__ import annotations

import json
import logging
from collections import deque
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic, sleep

from flask import Flask, Response, request

from diundashboard.access import INTERVAL, Access
from diundashboard.clock import now
from diundashboard.model import Refusal
from diundashboard.store import Unavailable
from diundashboard.web.context import is_diun, lost_diun, person, secret
from diundashboard.web.guard import says_other_site

logger = logging.getLogger("diundashboard")

EXCERPT = 200
"""How many characters of a refused body are kept."""

_REASON = 500
"""How many characters of a reason are kept, which can name the address that a client called."""

_STATUSES = (400, 401, 404, 405, 413)
_PATHS = ("/webhook", "/webhook/")
_A_MINUTE = 30
"""How many refusals one process remembers within 60 seconds, so that a flood of them cannot wear out the database."""

_READ = 16 * 1024
"""How many bytes are read of a body that nobody has read yet."""


def register(app: Flask) -> None:
    """Remember the refusals of this application."""
    counted: deque[float] = deque(maxlen=_A_MINUTE)
    memory = Memory(app.extensions["diundashboard"][1])

    @app.after_request
    def remember(response: Response) -> Response:
        if (
            response.status_code in _STATUSES
            and (request.path in _PATHS or request.blueprint == "ping" or lost_diun())
            and (excerpt := _excerpt_of_diun()) is not None
        ):
            moment = monotonic()
            if len(counted) < _A_MINUTE or moment - counted[0] > 60:
                counted.append(moment)
                reason = (response.get_json(silent=True) or {}).get("error", "")
                memory.keep(Refusal(now(), person(), response.status_code, reason[:_REASON], excerpt))
        return response


class Memory:
    """Refusals on their way to the store. Nobody waits for it: neither who was refused, nor who comes next.

    A thread stores them, while there are any. While the database is away, the newest stay here.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._waiting: deque[Refusal] = deque(maxlen=_A_MINUTE)
        self._lock = Lock()
        self._storing = False

    def keep(self, refusal: Refusal) -> None:
        """Store this refusal soon."""
        with self._lock:
            self._waiting.append(refusal)
            if self._storing:
                return
            self._storing = True
        Thread(target=self._store, name="refusals", daemon=True).start()

    def _store(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._storing = False
                    return
                refusal = self._waiting.popleft()
            try:
                self._access.store.refuse(refusal)
            except Unavailable as error:
                self._access.failed(error)
                with self._lock:
                    if len(self._waiting) < _A_MINUTE:
                        self._waiting.appendleft(refusal)
                sleep(INTERVAL)
            except Exception as error:
                logger.error("a refused request could not be remembered: %s", error)


def _excerpt_of_diun() -> str | None:
    """How the body began; None if a page of another site may have made a browser send this.

    Any page can have its reader's browser ask for an address here, as for an image. It cannot add a body to that.
    """
    if says_other_site():
        return None
    excerpt = _excerpt()
    return excerpt if excerpt or is_diun() or _is_ping() else None


def _is_ping() -> bool:
    """Whether this is a report of a run, which may have no body. DIUN posts it, and a browser says whose form it is."""
    return request.blueprint == "ping" and request.method == "POST"


def _excerpt() -> str:
    """How the body began, without the secret, which a person may have put there by mistake."""
    body = b""
    with suppress(Exception):  # The server's own, of any type, for a client that is gone.
        if (request.content_length or 0) > (request.max_content_length or 0):
            body = request.environ["wsgi.input"].read(_READ)
        else:
            body = request.get_data()
    text = body[:_READ].decode(errors="replace")
    for good in secret().accepted():
        for form in (good, json.dumps(good)[1:-1]):
            text = text.replace(form, "•••")
    return text[:EXCERPT]
