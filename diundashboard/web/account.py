"""The person's own account: the password, and the sessions."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard import passwords
from diundashboard.model import Invalid, Person
from diundashboard.store import NotFound
from diundashboard.web.context import actor, store
from diundashboard.web.gate import me
from diundashboard.web.login import enter, left

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """The account of the person who asks."""
    if (person := me()) is None:
        raise NotFound("you have no account here")
    return render_template("account.html", person=person, error=None)


@blueprint.post("/password")
def change_password() -> ResponseReturnValue:
    """Change the password for those who know the old one. Every other session ends."""
    person, account_id = _myself()
    if person.issuer:
        raise NotFound("the OpenID provider keeps your password: change it there")
    known, counted_as = store().credentials(person.name), f"account {account_id}"
    try:
        if store().attempt(counted_as):
            raise Invalid("too many wrong passwords: try again in a minute")
        if not (known and known[0].id == account_id and passwords.matches(known[1], request.form.get("old", ""))):
            raise Invalid("the current password is wrong")
        store().succeeded(counted_as)
        kept = passwords.hashed(request.form.get("new", ""))
    except (Invalid, passwords.Busy) as error:
        said = str(error) or "the server is busy: try again in a moment"
        return render_template("account.html", person=person, error=said), 400
    store().set_password(account_id, kept, actor())
    return enter(known[0], kept, url_for("account.index", changed="yes"))


@blueprint.post("/logout-everywhere")
def log_out_everywhere() -> ResponseReturnValue:
    """End every session of this account."""
    store().end_sessions(_myself()[1], actor())
    return left()


def _myself() -> tuple[Person, int]:
    person = me()
    if person is None or person.account_id is None:
        raise NotFound("you have no account here")
    return person, person.account_id
