"""Saved views: a name for a query string."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.store import Conflict
from diundashboard.web.context import actor, store
from diundashboard.web.reading import address, number, page_asked, view_of

blueprint = Blueprint("views", __name__, url_prefix="/views")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Every saved view."""
    return render_template("views.html", views=store().views())


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Keep the posted view under the posted name, and show it; where one has the name, ask first."""
    name, replace = request.form.get("name", ""), "replace" in request.form
    query = view_of(page_asked(dict(parse_qsl(request.form.get("query", "").removeprefix("?")))), until=None)
    try:
        view = store().save_view(name, query, replace, actor())
    except Conflict:
        return render_template("replace.html", name=name.strip(), query=query), 409
    return redirect(address(view.query), 303)


@blueprint.post("/start")
def start() -> ResponseReturnValue:
    """Make a view the start page; without one, there is none."""
    store().start_with(number(request.form, "view", 0) or None, actor())
    return redirect(url_for("views.index"), 303)


@blueprint.post("/<int:view_id>/delete")
def delete(view_id: int) -> ResponseReturnValue:
    """Forget a view."""
    store().delete_view(view_id, actor())
    return redirect(url_for("views.index"), 303)
