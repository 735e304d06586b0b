"""Saved views: a name for a query string."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.model import Invalid
from diundashboard.store import Conflict
from diundashboard.web.context import actor, store
from diundashboard.web.filters import phrases
from diundashboard.web.reading import address, number, view_asked, view_of
from diundashboard.web.said import saying

blueprint = Blueprint("views", __name__, url_prefix="/views")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Every saved view."""
    views = store().views()
    return render_template("views.html", views=views, words={view.id: _words(view.query) for view in views})


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Save the posted view under the posted name and show it. Ask before another view of this name is replaced."""
    name, replace = request.form.get("name", ""), "replace" in request.form
    query = view_of(view_asked(request.form.get("query", "")), until=None)
    try:
        view = store().save_view(name, query, replace, actor())
    except Conflict:
        return render_template("replace.html", name=name.strip(), query=query, words=_words(query)), 409
    return redirect(address(view.query), 303)


@blueprint.post("/start")
def start() -> ResponseReturnValue:
    """Make a view the start page, or none."""
    chosen, views = number(request.form, "view", 0), store().views()
    store().start_with(chosen or None, actor())
    view = next((view for view in views if (view.id == chosen if chosen else view.is_start)), None)
    if view is None:
        return redirect(url_for("views.index"), 303)
    return saying(url_for("views.index"), "start page" if chosen else "no start page", view.name)


@blueprint.post("/<int:view_id>/delete")
def delete(view_id: int) -> ResponseReturnValue:
    """Delete a view."""
    name = next((view.name for view in store().views() if view.id == view_id), "")
    store().delete_view(view_id, actor())
    return saying(url_for("views.index"), "view deleted", name)


def _words(query: str) -> list[str]:
    """What a view shows. What was saved before its query had a limit is shown as it is."""
    try:
        return phrases(view_asked(query))
    except Invalid:
        return [query]
