"""What a machine asks about the dashboard itself."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import asdict

from flask import Blueprint
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from diundashboard.store import Unavailable
from diundashboard.web.context import access, spool, store
from diundashboard.web.gate import knows_insides, reason_of, someone

logger = logging.getLogger("diundashboard")

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The database answers and can be written; 503 and the reason if not. What the spool holds changes no status: a
    person must look after it, and the dashboard works meanwhile. A stranger learns only whether it answers.
    """
    with suppress(Unavailable, HTTPException):
        someone()
    kept = asdict(spool().state()) if knows_insides() else {}
    try:
        store().ping()
    except Unavailable as error:
        if access().failed(error):
            logger.error("%s", error)
        return {"error": reason_of(error), **kept}, 503
    return {"status": "ok", **kept}
