"""What a machine asks about the dashboard itself."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint
from flask.typing import ResponseReturnValue

from diundashboard.store import Unavailable
from diundashboard.web.context import access, spool, store

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The database answers and can be written; 503 and the reason if not. What the spool holds changes no status: a
    person must see to it, and the dashboard serves meanwhile.
    """
    kept = asdict(spool().state())
    try:
        store().ping()
    except Unavailable as error:
        access().failed(error)
        return {"error": str(error), **kept}, 503
    return {"status": "ok", **kept}
