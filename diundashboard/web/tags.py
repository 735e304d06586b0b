"""The tags page: create, rename, colour and delete, and the rules that tag by themselves."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.limits import OPTIONS
from diundashboard.store.names import PATTERN_LENGTH
from diundashboard.web.context import actor, store
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import number, page_of

blueprint = Blueprint("tags", __name__, url_prefix="/tags")

COLOURS = ("rose", "red", "orange", "yellow", "lime", "green", "teal", "cyan", "blue", "indigo", "violet", "pink")
"""What the twelve colours are called, for those who do not see them."""


@blueprint.get("")
@fresh
def index() -> ResponseReturnValue:
    """One page of tags, each with the number of its updates, and of rules."""
    tags, rules = store().tags(), store().rules()
    page, pages, shown = page_of(max(len(tags), len(rules)))
    return render_template(
        "tags.html",
        tags=tags[shown],
        rules=rules[shown],
        options=tags[:OPTIONS],
        total=len(tags),
        page=page,
        pages=pages,
        colours=COLOURS,
        longest=PATTERN_LENGTH,
    )


@blueprint.get("/strip")
def strip() -> ResponseReturnValue:
    """The tags as targets for rows that are dragged, to be put on the updates page."""
    return render_template("strip.html", tags=store().tags())


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Add the tag that the form names."""
    store().create_tag(request.form.get("name", ""), actor())
    return _back()


@blueprint.post("/<int:tag_id>/change")
def change(tag_id: int) -> ResponseReturnValue:
    """Give a tag the name and the colour that the form says."""
    store().change_tag(tag_id, request.form.get("name", ""), number(request.form, "colour", 0), actor())
    return _back()


@blueprint.post("/<int:tag_id>/delete")
def delete(tag_id: int) -> ResponseReturnValue:
    """Remove a tag; what carried it stays."""
    store().delete_tag(tag_id, actor())
    return _back()


@blueprint.post("/rules")
def create_rule() -> ResponseReturnValue:
    """Add the rule that the form describes."""
    store().create_rule(request.form.get("pattern", ""), number(request.form, "tag", 0), actor())
    return _back("rules")


@blueprint.post("/rules/<int:rule_id>/delete")
def delete_rule(rule_id: int) -> ResponseReturnValue:
    """Remove a rule, and the tags that it gave."""
    store().delete_rule(rule_id, actor())
    return _back("rules")


def _back(part: str | None = None) -> ResponseReturnValue:
    return redirect(url_for("tags.index", _anchor=part), 303)
