"""Tokens of programs: for admins."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.clock import now
from diundashboard.model import Invalid, Level
from diundashboard.store import Conflict
from diundashboard.tokens import LEVELS, LONGEST_DAYS, expiry, new_token
from diundashboard.web.context import actor, store
from diundashboard.web.gate import key_of
from diundashboard.web.reading import number, page_of

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Every token."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Make the token that the form describes, and show it this once."""
    token = new_token()
    try:
        days = number(request.form, "days", 0) if request.form.get("days") else None
        made = store().add_token(request.form.get("name", ""), _level(), key_of(token), expiry(days), actor())
    except (Invalid, Conflict) as error:
        return _page(str(error)), 409 if isinstance(error, Conflict) else 400
    return _page(token=token, name=made.name)


@blueprint.post("/<int:token_id>/remove")
def remove(token_id: int) -> ResponseReturnValue:
    """Delete a token."""
    store().remove_token(token_id, actor())
    return redirect(url_for("tokens.index"), 303)


def _page(error: str = "", token: str = "", name: str = "") -> str:
    tokens = store().tokens()
    page, pages, shown = page_of(len(tokens))
    return render_template(
        "tokens.html",
        tokens=tokens[shown],
        total=len(tokens),
        page=page,
        pages=pages,
        levels=LEVELS,
        longest=LONGEST_DAYS,
        present=now(),
        error=error,
        token=token,
        name=name,
    )


def _level() -> Level:
    level = request.form.get("level", "")
    if level not in LEVELS:
        raise Invalid(f"the level of a token must be one of {', '.join(LEVELS)}")
    return Level(level)
