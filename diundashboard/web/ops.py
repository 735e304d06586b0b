"""What a machine asks about the dashboard itself."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from diundashboard.web.context import store

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The database answers; 503 and the reason if it does not."""
    store().ping()
    return {"status": "ok"}
