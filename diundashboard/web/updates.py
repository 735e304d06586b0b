"""The updates page: what is still to be done, and what one does about it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.model import State, UpdateQuery
from diundashboard.web.context import host, settings, store
from diundashboard.web.reading import id_list, number, one_or_all

blueprint = Blueprint("updates", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """One page of updates."""
    query = UpdateQuery(state=one_or_all(State, "state", State.PENDING), page=number("page", 1))
    page = store().updates(query)
    return render_template(
        "updates.html",
        query=query,
        page=page,
        known=page.total or store().updates(UpdateQuery(state=None, per_page=1)).total,
        tags=store().tags(),
        secret=bool(settings().webhook_secret),
        same_view=_same_view(),
        webhook=f"{request.scheme}://{host()}{url_for('webhook.receive')}",
    )


@blueprint.post("/updates/acknowledge")
def acknowledge() -> ResponseReturnValue:
    """Mark the posted updates done."""
    store().acknowledge(id_list("id"), "page")
    return _back()


@blueprint.post("/updates/reopen")
def reopen() -> ResponseReturnValue:
    """Take the acknowledgement of the posted updates back."""
    store().reopen(id_list("id"))
    return _back()


@blueprint.post("/updates/<int:update_id>/tag")
def tag(update_id: int) -> ResponseReturnValue:
    """Give an update the tag that the form names, new or not; an empty name takes its tag away."""
    store().tag_update(update_id, request.form.get("tag", "").strip() or None)
    return _back()


def _back() -> ResponseReturnValue:
    """The same view again: the forms carry its query string."""
    return redirect(url_for("updates.index") + _same_view(), 303)


def _same_view() -> str:
    """The query string, with its question mark. It comes from outside, so it is no argument for `url_for`."""
    return f"?{request.query_string.decode('latin-1')}".removesuffix("?")
