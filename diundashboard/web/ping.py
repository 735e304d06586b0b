"""What DIUN reports of its own runs, as to a Healthchecks server.

Its client (github.com/crazy-max/gohealthchecks) posts to NAME/start, NAME and NAME/fail below its base URL, waits ten
seconds, and takes only 200 for success. NAME is DIUN's setting `uuid`, in any form.
"""

from __future__ import annotations

import hmac
from collections import deque
from time import monotonic

from flask import Blueprint, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge, TooManyRequests, Unauthorized

from diundashboard.model import RunEvent
from diundashboard.web.context import ping_address, secret, store

blueprint = Blueprint("ping", __name__)

BODY_LIMIT = 100_000
"""The largest body of a ping, in bytes; the limit of Healthchecks too."""

A_MINUTE = 600
"""How many pings one process stores within 60 seconds, so that a flood of them leaves the database to the webhook."""


@blueprint.record
def _remember_pace(state: BlueprintSetupState) -> None:
    state.app.extensions["pings"] = deque(maxlen=A_MINUTE)


@blueprint.route("/ping/<path:sent>", methods=["GET", "POST"], merge_slashes=False)
def receive(sent: str) -> ResponseReturnValue:
    """Store what a DIUN reports. While the database does not answer, the report is lost."""
    if request.method != "POST":
        raise MethodNotAllowed(
            ["POST"],
            "this address is for DIUN: set watch.healthchecks.baseURL (DIUN_WATCH_HEALTHCHECKS_BASEURL) to "
            f"{ping_address()}",
        )
    name, event = _name_and_event(sent)
    body = request.get_data()
    if len(body) > BODY_LIMIT:
        raise RequestEntityTooLarge
    _keep_pace()
    store().report_run(name, event, body.decode(errors="replace"))
    return {"status": "stored"}


def _name_and_event(sent: str) -> tuple[str, RunEvent]:
    """The name and the event. The secret can contain any character, also a slash, and end like an address."""
    accepted = secret().accepted()
    named, _, ending = sent.rpartition("/")
    candidates = [(sent, RunEvent.DONE)]
    if named and ending in (RunEvent.START, RunEvent.FAIL):
        candidates.insert(0, (named, RunEvent(ending)))
    for whole, event in candidates:
        for good in accepted:
            if _ends_with(whole, f".{good}"):
                return whole[: -len(good) - 1], event
        if not accepted and "/" not in whole:
            return whole, event
    if accepted:
        raise Unauthorized("the address does not contain the secret: Connect shows the right address")
    raise NotFound("a ping goes to /ping/NAME, /ping/NAME/start or /ping/NAME/fail")


def _ends_with(text: str, ending: str) -> bool:
    return hmac.compare_digest(text[-len(ending) :].encode(errors="replace"), ending.encode())


def _keep_pace() -> None:
    stored: deque[float] = current_app.extensions["pings"]
    moment = monotonic()
    if len(stored) == A_MINUTE and moment - stored[0] < 60:
        raise TooManyRequests(f"more than {A_MINUTE} pings arrived within a minute")
    stored.append(moment)
