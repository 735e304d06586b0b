"""The tags page: create, rename and delete."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.web.context import store

blueprint = Blueprint("tags", __name__, url_prefix="/tags")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Every tag, with the number of its updates."""
    return render_template("tags.html", tags=store().tags())


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Add the tag that the form names."""
    store().create_tag(request.form.get("name", ""))
    return _back()


@blueprint.post("/<int:tag_id>/rename")
def rename(tag_id: int) -> ResponseReturnValue:
    """Give a tag the name that the form names."""
    store().rename_tag(tag_id, request.form.get("name", ""))
    return _back()


@blueprint.post("/<int:tag_id>/delete")
def delete(tag_id: int) -> ResponseReturnValue:
    """Remove a tag; what carried it stays."""
    store().delete_tag(tag_id)
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(url_for("tags.index"), 303)
