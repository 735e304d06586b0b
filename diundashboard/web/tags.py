"""The tags page: create, rename, colour and delete, and the rules that tag by themselves."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diundashboard.limits import ITEMS, OPTIONS
from diundashboard.model import Tag
from diundashboard.store import NotFound
from diundashboard.store.names import PATTERN_LENGTH
from diundashboard.web.context import actor, store
from diundashboard.web.fresh import fresh
from diundashboard.web.reading import number, page_of
from diundashboard.web.said import saying

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
    tag = store().create_tag(request.form.get("name", ""), actor())
    return saying(_place(tag), "tag created", tag.name)


@blueprint.post("/<int:tag_id>/change")
def change(tag_id: int) -> ResponseReturnValue:
    """Give a tag the name and the colour that the form says."""
    old = _tag(tag_id)
    new = store().change_tag(tag_id, request.form.get("name", ""), number(request.form, "colour", 0), actor())
    undo = tag_id, old.name, str(old.colour)
    if old.name != new.name:
        return saying(_place(new), "tag renamed", old.name, new.name, undo=undo)
    return saying(_place(new), "tag changed", new.name, undo=undo)


@blueprint.post("/<int:tag_id>/delete")
def delete(tag_id: int) -> ResponseReturnValue:
    """Remove a tag; what carried it stays."""
    tag, tags = _tag(tag_id), store().tags()
    store().delete_tag(tag_id, actor())
    at = [each.id for each in tags].index(tag_id)
    return saying(_place(*(tags[at + 1 :] + tags[:at][::-1])[:1]), "tag deleted", tag.name)


@blueprint.post("/rules")
def create_rule() -> ResponseReturnValue:
    """Add the rule that the form describes."""
    rule = store().create_rule(request.form.get("pattern", ""), number(request.form, "tag", 0), actor())
    return saying(_rules(), "rule created", rule.pattern)


@blueprint.post("/rules/<int:rule_id>/delete")
def delete_rule(rule_id: int) -> ResponseReturnValue:
    """Remove a rule, and the tags that it gave."""
    rule = next((rule for rule in store().rules() if rule.id == rule_id), None)
    store().delete_rule(rule_id, actor())
    if rule is None:
        return redirect(_rules(), 303)
    return saying(_rules(), "rule deleted", rule.pattern, undo=(rule.pattern, str(rule.tag.id)))


def _tag(tag_id: int) -> Tag:
    for tag in store().tags():
        if tag.id == tag_id:
            return tag
    raise NotFound(f"no tag has the id {tag_id}")


def _place(tag: Tag | None = None) -> str:
    """The page, at a tag."""
    ids = [each.id for each in store().tags()]
    if tag is None or tag.id not in ids:
        return url_for("tags.index")
    page = ids.index(tag.id) // ITEMS + 1
    return url_for("tags.index", page=page if page > 1 else None, _anchor=f"tag-{tag.id}")


def _rules() -> str:
    return url_for("tags.index", _anchor="rules")
