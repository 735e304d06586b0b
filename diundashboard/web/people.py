"""The accounts, for admins."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard import passwords
from diundashboard.config import AuthMode
from diundashboard.model import Invalid, Level
from diundashboard.store import Conflict
from diundashboard.web.context import actor, settings, store
from diundashboard.web.reading import page_of

blueprint = Blueprint("people", __name__, url_prefix="/people")

_ALSO_WITH_PROVIDER = ("people.index", "people.remove")


@blueprint.before_request
def _check_mode() -> None:
    """Refuse changes where a provider or a proxy manages people."""
    mode = settings().auth_mode
    if mode == AuthMode.PROXY or (mode == AuthMode.OIDC and request.endpoint not in _ALSO_WITH_PROVIDER):
        abort(404, "accounts are not managed here (AUTH_MODE)")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Every account."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add the account that the form describes."""
    try:
        store().add_account(request.form.get("name", ""), _level(), _hash(), actor())
    except (Invalid, Conflict) as error:
        return _page(str(error)), 409 if isinstance(error, Conflict) else 400
    return _back()


@blueprint.post("/<int:account_id>/level")
def change_level(account_id: int) -> ResponseReturnValue:
    """Let an account do what the form says."""
    try:
        store().set_level(account_id, _level(), actor())
    except Conflict as error:
        return _page(str(error)), 409
    return _back()


@blueprint.post("/<int:account_id>/password")
def change_password(account_id: int) -> ResponseReturnValue:
    """Give an account the password of the form."""
    try:
        store().set_password(account_id, _hash(), actor())
    except Invalid as error:
        return _page(str(error)), 400
    return _back()


@blueprint.post("/<int:account_id>/remove")
def remove(account_id: int) -> ResponseReturnValue:
    """Delete an account."""
    try:
        store().remove_account(account_id, actor())
    except Conflict as error:
        return _page(str(error)), 409
    return _back()


def _page(error: str = "") -> str:
    accounts = store().accounts()
    page, pages, shown = page_of(len(accounts))
    return render_template(
        "people.html",
        accounts=accounts[shown],
        total=len(accounts),
        page=page,
        pages=pages,
        levels=list(Level),
        error=error,
        provider=settings().auth_mode == AuthMode.OIDC,
    )


def _back() -> ResponseReturnValue:
    return redirect(url_for("people.index"), 303)


def _level() -> Level:
    try:
        return Level(request.form.get("level", ""))
    except ValueError:
        raise Invalid(f"the level must be one of {', '.join(Level)}") from None


def _hash() -> str:
    return passwords.hashed(request.form.get("password", ""))
