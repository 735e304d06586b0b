"""What people did, in words."""

from __future__ import annotations

from flask import Blueprint

from diundashboard.address import machine

blueprint = Blueprint("deeds", __name__)


@blueprint.app_template_filter()
def known(name: str) -> bool:
    """Whether a name says who acted. Where nobody logs in, it is the address of a browser."""
    return bool(name) and machine(name) is None
